// Keeps the pages for visits without a network. What belongs together changes together: one cache for each build of the site.
const CACHE = 'unosql-{digest}';
const FILES = '{files}'; // a list, once the site is built

addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});

addEventListener('activate', (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith('unosql-') && name !== CACHE).map((name) => caches.delete(name))))
    .then(() => clients.claim()));
});

// Of this build from the cache; the rest, as the documentation, from the network, and from the cache where there is none.
addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !request.url.startsWith(registration.scope)) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const path = request.url.slice(registration.scope.length).split(/[?#]/)[0] || './';
  const found = await cache.match(request, { ignoreSearch: true });
  if (found && FILES.includes(path)) return found;
  try {
    const fresh = await fetch(request);
    if (fresh.ok && path.startsWith('docs/')) cache.put(request, fresh.clone());
    return fresh;
  } catch (error) {
    if (found) return found;
    throw error;
  }
}
