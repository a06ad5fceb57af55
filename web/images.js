// Files that hold databases: raw flash images, zipped database directories, backups. What a file is, is told by what is in it.
import { unzipSync, zipSync } from 'fflate';
import { ERASE, described } from './flash.js';

const OURS = /^([mw][0-9a-f]{2}|s[0-9a-f]{7})$/; // files of a database directory
const HEAD = 32;

// The sources in a file: as viewer-worker.js takes them, with name and label. An error says when there is none.
export async function sources(name, bytes) {
  if (starts(bytes, 'PK')) return zipped(name, unzipSync(bytes));
  if (starts(bytes, 'UQ')) return [{ kind: 'backup', bytes, name, label: name }];
  const found = bytes.length % ERASE ? new Map() : await databases(bytes);
  if (!found.size) {
    throw new Error(`${name} is no database: neither an image of raw flash (.img), nor a zip with a directory NAME.udb, nor a backup. `
      + 'Images of a filesystem are for `unosql browse` on a PC');
  }
  await know([name.replace(/\.[^.]*$/, '')]);
  return [...found.keys()].map((number) => {
    const known = named(number);
    return { kind: 'flash', number, bytes: bytes.slice(), name: known, label: `${name}: ${known}` };
  });
}

const starts = (bytes, text) => bytes.length > 1 && text === String.fromCharCode(bytes[0], bytes[1]);

function zipped(name, entries) {
  const folders = new Map();
  for (const [path, bytes] of Object.entries(entries)) {
    const [, folder, file] = /^(.*?)\/?([^/]*)$/.exec(path);
    if (OURS.test(file)) folders.set(folder, { ...folders.get(folder), [file]: bytes });
  }
  if (!folders.size) throw new Error(`${name} has no database directory in it`);
  return [...folders].map(([folder, files]) => {
    const base = (folder || name).split('/').pop().replace(/(\.udb)?(\.zip)?$/, '');
    return { kind: 'files', files, name: base, label: `${name}: ${base}` };
  });
}

// A database directory as a zip file.
export const zip = (name, files) => zipSync(Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`${name}.udb/${file}`, bytes])));

// The numbers of the databases in an image, with how many blocks each has: {live, freed}.
export async function databases(bytes) {
  const found = new Map();
  for (let block = 0; block < bytes.length / ERASE; block += 1) {
    const one = await verified(bytes.subarray(block * ERASE, block * ERASE + HEAD));
    if (one) count(found, one);
  }
  return new Map([...found].filter(([, { live }]) => live));
}

export function count(found, { database, live }) {
  const sum = found.get(database) || { live: 0, freed: 0 };
  sum[live ? 'live' : 'freed'] += 1;
  found.set(database, sum);
}

// The header of an erase block, as described() gives it, or null when its checksum is not right.
export async function verified(header) {
  if (header[0] !== 0x55 || header[1] !== 0x31) return null;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', header.slice(0, 20)));
  return digest.slice(0, 4).every((byte, i) => byte === header[20 + i]) ? described(header, 0) : null;
}

// Blocks tell of names only the first 4 bytes of their SHA-256.
const NAMES = new Map();

export async function know(names) {
  for (const name of names) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name));
    NAMES.set(new DataView(digest).getUint32(0, true), name);
  }
}

// The name of a database by its number, as far as it is known, or can be guessed.
export const named = (number) => NAMES.get(number) || `database ${number.toString(16).padStart(8, '0')}`;

// Of raw flash: erase blocks, of this and of other databases; how often blocks were taken.
export function wear(bytes, database) {
  const total = bytes.length / ERASE;
  const found = Array.from({ length: total }, (_, block) => described(bytes, block)).filter((one) => one.kind);
  const mine = found.filter((one) => one.database === database);
  const cells = Array(total).fill('.');
  for (const one of found) cells[one.block] = one.database !== database ? 'o' : one.live ? one.kind : '-';
  const taken = Math.max(0, ...found.map((one) => one.counter));
  return {
    'erase blocks': total, live: mine.filter((one) => one.live).length, freed: mine.filter((one) => !one.live).length,
    'of other databases': found.length - mine.length, 'never taken, or something else': total - found.length,
    'blocks taken since it was blank': taken, 'times each, on average': total ? Math.round((100 * taken) / total) / 100 : 0, map: cells.join(''),
  };
}
