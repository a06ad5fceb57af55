// What a board is asked: Python that runs there, and what is made of its answers. pc/unosql_pc/board.py asks alike.
import { count, verified } from './images.js';
import { ERASE } from './flash.js';

const HEADERS = 64; // read in one go
const CHUNK = 768; // bytes of a file sent at a time
const PREPARE = `
import binascii, hashlib, json, os, sys
try:
 from unosql_board import partition
 _q = partition()
except (ImportError, OSError):
 _q = None
_b = bytearray(512)
def _heads(first, last):
 head = memoryview(_b)[:32]
 for n in range(first, last):
  _q.readblocks(n, head, 0)
  print(binascii.hexlify(head).decode())
def _send(chunks):
 h = hashlib.sha256()
 for chunk in chunks:
  h.update(chunk)
  print(binascii.b2a_base64(chunk).decode(), end="")
 print(binascii.hexlify(h.digest()).decode())
def _block(n):
 for at in range(0, ${ERASE}, 512):
  _q.readblocks(n, _b, at)
  yield _b
def _file(path):
 with open(path, "rb") as f:
  while True:
   n = f.readinto(_b)
   if not n:
    return
   yield memoryview(_b)[:n]
def _list(folder):
 for e in os.ilistdir(folder):
  print(json.dumps([e[0], e[1] == 0x4000, e[3] if len(e) > 3 else 0]))
`;
const FACTS = `
try:
 from unosql import __version__ as _v
except ImportError:
 _v = None
_s = os.statvfs("/")
print(json.dumps({"machine": sys.implementation[2] if len(sys.implementation) > 2 else sys.platform, "micropython": ".".join(map(str, sys.implementation[1][:3])),
 "unosql": _v, "blocks": _q.ioctl(4, 0) if _q else 0, "erase": _q.ioctl(5, 0) if _q else 0, "files": [_s[0] * _s[2], _s[0] * _s[3]]}))
`;
const quoted = (text) => JSON.stringify(text); // for names without control characters Python reads it alike

export class Remote {
  // board: an open Board
  constructor(board) {
    this.board = board;
  }

  // {machine, micropython, unosql, blocks, erase, files: [bytes, bytes free]}
  async facts() {
    await this.board.run(PREPARE);
    const facts = JSON.parse(await this.board.run(FACTS));
    if (facts.blocks && facts.erase !== ERASE) throw new Error(`erase blocks of ${facts.erase} bytes, this page knows ${ERASE} only`);
    return facts;
  }

  // The headers of the erase blocks of the raw partition, null where there is none. tell: called with how many are read.
  async headers(blocks, tell) {
    const found = [];
    for (let first = 0; first < blocks; first += HEADERS) {
      const lines = (await this.board.run(`_heads(${first}, ${Math.min(first + HEADERS, blocks)})`)).trim().split(/\s+/);
      for (const line of lines) found.push(await verified(Uint8Array.from(line.match(/../g), (pair) => parseInt(pair, 16))));
      tell(found.length);
    }
    return found.map((one, block) => one && { ...one, block });
  }

  // [{name, isFolder, size}]
  async list(folder) {
    return (await this.board.run(`_list(${quoted(folder)})`)).trim().split('\n').filter((line) => line)
      .map((line) => JSON.parse(line)).map(([name, isFolder, size]) => ({ name, isFolder, size }));
  }

  // The database directories, in the root and the folders there: {name, folder, size, files}
  async directories() {
    const found = [];
    const look = async (folder, depth) => {
      for (const one of (await this.list(folder)).filter((entry) => entry.isFolder)) {
        const path = `${folder === '/' ? '' : folder}/${one.name}`;
        if (one.name.endsWith('.udb')) {
          const files = (await this.list(path)).filter((entry) => !entry.isFolder);
          found.push({ name: one.name.slice(0, -4), path, files: files.map((entry) => entry.name), size: files.reduce((sum, entry) => sum + entry.size, 0) });
        } else if (depth) await look(path, depth - 1);
      }
    };
    await look('/', 1);
    return found;
  }

  // The raw partition as an image: the blocks that hold data, as `unosql pull` makes it.
  async image(headers, tell) {
    const bytes = new Uint8Array(headers.length * ERASE).fill(0xff);
    const live = headers.filter((one) => one?.live);
    for (const [i, { block }] of live.entries()) {
      bytes.set(await this.bytes(`_send(_block(${block}))`), block * ERASE);
      tell(i + 1, live.length);
    }
    return bytes;
  }

  file(path) {
    return this.bytes(`_send(_file(${quoted(path)}))`);
  }

  async files({ path, files }, tell) {
    const found = {};
    for (const [i, name] of files.entries()) {
      found[name] = await this.file(`${path}/${name}`);
      tell(i + 1, files.length);
    }
    return found;
  }

  // The connection has no checksum: the board tells the hash of what it has sent.
  async bytes(code) {
    const lines = (await this.board.run(code)).trim().split(/\s+/);
    const wanted = lines.pop();
    const bytes = joined(lines.map((line) => Uint8Array.from(atob(line), (character) => character.charCodeAt(0))));
    if (await hash(bytes) !== wanted) throw new Error('what the board sent did not come over intact; try again');
    return bytes;
  }

  // Write a file, and check it by its hash.
  async put(path, bytes, tell) {
    await this.board.run(`_f = open(${quoted(path)}, "wb")`);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const part = btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
      await this.board.run(`_f.write(binascii.a2b_base64("${part}"))`);
      tell(Math.min(at + CHUNK, bytes.length), bytes.length);
    }
    const there = await this.board.run(`_f.close()\nh = hashlib.sha256()\nfor c in _file(${quoted(path)}):\n h.update(c)\nprint(binascii.hexlify(h.digest()).decode())`);
    if (there.trim() !== await hash(bytes)) throw new Error(`${path} did not go over intact; try again`);
  }

  async remove(path) {
    await this.board.run(`try:\n os.remove(${quoted(path)})\nexcept OSError:\n pass`);
  }

  // Restore a backup that is a file of the board's into a database; how many records and deletions it has. folder: null is the raw partition.
  async restore(name, folder, key, file) {
    const bytes = key ? `bytes([${[...key].join(', ')}])` : 'None';
    const code = `from unosql.core import Unosql\nwith Unosql(${quoted(name)}, ${bytes}${folder ? `, path=${quoted(folder)}` : ''}) as db:\n print(db.restore(${quoted(file)}))`;
    return Number((await this.board.run(code, 600000)).trim());
  }

  // unosql.selftest(), line by line. It takes a minute on a slow board.
  selftest(tell) {
    return this.board.run('import unosql\nunosql.selftest()', 300000, tell);
  }
}

// {number: {live, freed}} of the databases in headers
export function spaces(headers) {
  const found = new Map();
  for (const one of headers) if (one) count(found, one);
  return new Map([...found].filter(([, { live }]) => live));
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function hash(bytes) {
  return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
