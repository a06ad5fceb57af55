// What is on the flash: an erase block a square, filled as far as it is programmed; and what each call did to it.
import { element } from './elements.js';

const KINDS = { s: 'records', w: 'log of writes', m: 'manifest' };
const MOST = 100; // rows of calls

export class Picture {
  // map, levels, calls: elements. totals: of the flash's counts
  constructor({ map, levels, calls, totals }) {
    Object.assign(this, { map, levels, calls, totals });
    this.blocks = [];
    this.level = new Map(); // of a segment: by database and number
  }

  size(count) {
    this.map.replaceChildren(...Array.from({ length: count }, () => element('i')));
    this.blocks = Array.from({ length: count }, (_, block) => ({ block, kind: '', live: false, used: 0, erases: 0 }));
  }

  show({ blocks = [], calls = [], counts, layout }) {
    for (const one of blocks) this.blocks[one.block] = one;
    if (layout) this.order(layout);
    for (const one of layout ? this.blocks : blocks) this.draw(one, blocks.includes(one));
    for (const call of calls) this.list(call);
    if (layout || blocks.length) this.sum();
    if (counts) {
      this.totals.textContent = `since this page was opened: ${counts.programmed.toLocaleString('en')} bytes programmed, `
        + `${counts.erased.toLocaleString('en')} blocks erased, ${counts.read.toLocaleString('en')} bytes read`;
    }
  }

  draw(one, isNew) {
    const cell = this.map.children[one.block];
    const level = one.kind === 's' ? this.level.get(one.number) : undefined;
    cell.className = [one.live ? one.kind : one.kind && 'freed', level === undefined ? '' : `l${Math.min(level, 3)}`].join(' ');
    cell.style.setProperty('--used', `${Math.ceil((one.used / 4096) * 100)}%`);
    cell.title = `block ${one.block}: ${this.words(one, level)}, ${one.used.toLocaleString('en')} bytes programmed, erased ${one.erases} times`;
    if (isNew) cell.getAnimations().concat(cell.animate([{ outline: '2px solid currentColor' }, { outline: '2px solid transparent' }], 700));
  }

  words(one, level) {
    if (!one.kind) return 'blank';
    const what = one.kind === 's' ? `segment ${one.number}${level === undefined ? '' : ` of level ${level}`}` : KINDS[one.kind];
    return one.live ? what : `${what}, freed`;
  }

  // layout: [{name, levels: [[segment numbers]]}] of the databases that are open
  order(layout) {
    if (!layout.length) return;
    this.level.clear();
    layout.forEach(({ levels }) => levels.forEach((level, depth) => level.forEach((number) => this.level.set(number, depth))));
    this.levels.replaceChildren(...layout.map(({ name, levels }) => element('li', {}, element('b', {}, name), ': ',
      levels.map((level, depth) => `level ${depth}: ${level.length} segment${level.length === 1 ? '' : 's'}`).join(', ') || 'no segments yet')));
  }

  sum() {
    const live = (kind) => this.blocks.filter((one) => one.live && one.kind === kind).length;
    this.map.setAttribute('aria-label', `${this.blocks.length} erase blocks: ${live('s')} hold records, ${live('w')} the log of writes, `
      + `${live('m')} the manifest`);
  }

  // Calls one after the other of the same kind are one row.
  list(call) {
    const last = this.calls.firstElementChild;
    const name = `${call.name}(${call.subject ? `"${call.subject}"` : ''})`;
    const row = last?.made?.name === name ? last : element('tr');
    const sum = row.made || { name, count: 0, programmed: 0, erased: 0, read: 0 };
    sum.count += 1;
    for (const what of ['programmed', 'erased', 'read']) sum[what] += call[what];
    row.made = sum;
    row.replaceChildren(element('th', { scope: 'row' }, name, sum.count > 1 ? ` × ${sum.count.toLocaleString('en')}` : ''),
      ...['programmed', 'erased', 'read'].map((what) => element('td', {}, sum[what].toLocaleString('en'))));
    if (row !== last) this.calls.prepend(row);
    while (this.calls.children.length > MOST) this.calls.lastElementChild.remove();
  }
}
