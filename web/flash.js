// A flash chip: erase blocks of 4 KB, which programming can only clear bits of. A medium keeps its bytes; a copy in memory is read.
export const ERASE = 4096;
export const EIO = 5;
const HEAD = 32;

export class Flash {
  // medium: {bytes: Uint8Array of what it holds, write(bytes, at), flush()}
  constructor(medium) {
    this.medium = medium;
    this.bytes = medium.bytes;
    this.blocks = this.bytes.length / ERASE;
    this.erases = new Uint32Array(this.blocks); // since the page was opened
    this.touched = new Set(); // blocks, since somebody asked
    this.counts = { read: 0, programmed: 0, erased: 0 };
  }

  read(block, offset, target) {
    const start = block * ERASE + offset;
    target.set(this.bytes.subarray(start, start + target.length));
    this.counts.read += target.length;
  }

  // A bit that is clear stays clear, as on NOR flash: a write that would set one is a fault of ours, and told.
  program(block, offset, source) {
    const start = block * ERASE + offset;
    const there = this.bytes.subarray(start, start + source.length);
    if (source.some((byte, i) => byte & ~there[i])) throw new Error(`block ${block} was not erased at ${offset}`);
    there.set(source);
    this.medium.write(there, start);
    this.touched.add(block);
    this.counts.programmed += source.length;
  }

  erase(block) {
    const there = this.bytes.subarray(block * ERASE, (block + 1) * ERASE);
    there.fill(0xff);
    this.medium.write(there, block * ERASE);
    this.touched.add(block);
    this.counts.erased += 1;
    this.erases[block] += 1;
  }

  sync() {
    this.medium.flush();
  }

  eraseAll() {
    for (let block = 0; block < this.blocks; block += 1) this.erase(block);
    this.sync();
  }
}

// What an erase block holds, by its header (docs/FORMAT.md, "Raw flash"): {kind, number, index, database, counter, live, used}; kind "" is none.
export function described(bytes, block) {
  const data = bytes.subarray(block * ERASE, (block + 1) * ERASE);
  const view = new DataView(data.buffer, data.byteOffset, HEAD);
  if (view.getUint16(0) !== 0x5531) return { block, kind: '', live: false, used: 0 };
  return {
    block, kind: String.fromCharCode(data[2]), index: data[3], database: view.getUint32(4, true), number: view.getUint32(8, true),
    counter: view.getUint32(12, true), live: view.getUint32(28, true) === 0xffffffff, used: used(data),
  };
}

// Bytes up to the last that is programmed.
function used(data) {
  let end = data.length;
  while (end && data[end - 1] === 0xff) end -= 1;
  return end;
}
