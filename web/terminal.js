// The prompt: xterm.js, in the page's colours.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';

const DARK = matchMedia('(prefers-color-scheme: dark)');

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return DARK.matches
    ? { background: of('--dark-panel'), foreground: '#e3e3e3', cursor: '#e3e3e3', selectionBackground: '#3b5d8f' }
    : { background: of('--light-panel'), foreground: '#1f1f1f', cursor: '#1f1f1f', selectionBackground: '#b3d1ff' };
}

// A terminal in an element. typed: called with what the user types or pastes.
export function prompt(parent, typed) {
  const terminal = new Terminal({
    convertEol: true, cursorBlink: true, fontSize: 14, fontFamily: 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    scrollback: 5000, screenReaderMode: true, theme: colours(), minimumContrastRatio: 4.5,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(parent);
  terminal.textarea.setAttribute('aria-label', 'MicroPython prompt');
  terminal.onData(typed);
  new ResizeObserver(() => { if (parent.clientWidth) fit.fit(); }).observe(parent);
  DARK.addEventListener('change', () => { terminal.options.theme = colours(); });
  // Tab leaves the prompt, Shift-Tab too: it is a part of a page.
  terminal.attachCustomKeyEventHandler((event) => event.key !== 'Tab');
  return terminal;
}
