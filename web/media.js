// Where a flash keeps its bytes: in memory, or in a file of the browser's (OPFS), which stays between visits.
const NAME = 'flash.img';
const PATIENCE = 5000; // milliseconds: a worker that was ended in the middle of its work holds the file for some 2 seconds yet

export function memory(bytes) {
  return { bytes, write() {}, flush() {}, isKept: false };
}

// The file as a medium of so many bytes. It throws where the browser has no such files, and while another tab has this one.
// In a worker only: there alone are writes synchronous, so that a call of the database is durable when it returns.
export async function kept(size) {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle(NAME, { create: true });
  const access = await patiently(() => file.createSyncAccessHandle());
  const bytes = new Uint8Array(size).fill(0xff);
  access.read(bytes, { at: 0 });
  if (access.getSize() < size) access.write(bytes.subarray(access.getSize()), { at: access.getSize() });
  access.flush();
  return { bytes, write: (part, at) => { written(access.write(part, { at }), part.length); }, flush: () => access.flush(), isKept: true };
}

function written(done, wanted) {
  if (done !== wanted) throw new Error('the browser has no space left');
}

async function patiently(attempt) {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error.name !== 'NoModificationAllowedError' || performance.now() > end) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
}
