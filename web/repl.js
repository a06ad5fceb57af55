// A MicroPython board at a serial port, in its raw REPL: https://docs.micropython.org/en/latest/reference/repl.html
const BAUD = 115200;
const SENT = 128; // bytes sent at a time: boards without flow control have a small buffer
const PAUSE = 10; // milliseconds after these
const PATIENCE = 10000; // milliseconds until a silent board is given up
const encoder = new TextEncoder();
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Board {
  // port: of Web Serial. gone: called when the board is unplugged, with the error.
  constructor(port, gone) {
    this.port = port;
    this.gone = gone;
    this.heard = ''; // a character a byte
    this.failed = null;
    this.turn = Promise.resolve();
    this.wake = () => {};
  }

  // Stop what runs, and reset, so that no program of the board's writes meanwhile.
  async open() {
    await this.port.open({ baudRate: BAUD, bufferSize: 1 << 16 });
    this.listening = this.listen();
    for (let i = 0; ; i += 1) {
      try {
        await this.send('\r\x03\x03\r\x01');
        await this.until('raw REPL; CTRL-B to exit\r\n>', 2000);
        break;
      } catch (error) {
        if (this.failed || i === 4) throw this.failed || new Error('no MicroPython answers there. Close other programs that use the port, reset the board, and try again');
      }
    }
    this.heard = '';
    await this.send('\x04');
    await this.until('raw REPL; CTRL-B to exit\r\n>', PATIENCE);
  }

  async listen() {
    try {
      while (this.port.readable) {
        this.reader = this.port.readable.getReader();
        for (;;) {
          const { value, done } = await this.reader.read();
          if (done) break;
          for (const byte of value) this.heard += String.fromCharCode(byte);
          this.wake();
        }
        this.reader.releaseLock();
        if (this.closing) return;
      }
      this.fail('.');
    } catch (error) {
      this.fail(`: ${error.message}`);
    }
  }

  fail(why) {
    if (this.failed || this.closing) return;
    this.failed = new Error(`the board is gone${why} What was under way is not finished: plug the board in, and connect again.`);
    this.wake();
    this.gone(this.failed);
  }

  async send(text) {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length; at += SENT) {
      if (this.failed) throw this.failed;
      const writer = this.port.writable.getWriter();
      try {
        await writer.write(bytes.slice(at, at + SENT));
      } finally {
        writer.releaseLock();
      }
      if (bytes.length > SENT) await wait(PAUSE);
    }
  }

  // What comes up to an end, which is taken away. tell: called with what there is so far. ms: of silence that are too many.
  async until(end, ms = PATIENCE, tell = null) {
    for (;;) {
      const at = this.heard.indexOf(end);
      if (tell) tell(decoded(at < 0 ? this.heard : this.heard.slice(0, at)));
      if (at >= 0) {
        const found = this.heard.slice(0, at);
        this.heard = this.heard.slice(at + end.length);
        return found;
      }
      if (this.failed) throw this.failed;
      const before = this.heard.length;
      await new Promise((resolve) => { this.wake = resolve; setTimeout(resolve, ms); });
      if (this.heard.length === before && !this.failed) throw new Error(`the board says nothing for ${ms / 1000} s`);
    }
  }

  // What code prints. An error of it is thrown, with its last line. One call at a time: others wait.
  run(code, ms = PATIENCE, tell = null) {
    const mine = this.turn.then(() => this.runNow(code, ms, tell));
    this.turn = mine.catch(() => {});
    return mine;
  }

  async runNow(code, ms, tell) {
    await this.send(code);
    await this.send('\x04');
    await this.until('OK');
    const printed = await this.until('\x04', ms, tell);
    const error = await this.until('\x04>');
    if (error) throw new Error(`the board says ${decoded(error).trim().split('\n').pop()}`);
    return decoded(printed);
  }

  // Let the board go on: leave the raw REPL, and reset.
  async close() {
    try {
      if (!this.failed) await this.send('\r\x03\x03\x02\x04');
    } catch (error) { /* it is gone */ }
    this.closing = true;
    await this.reader?.cancel().catch(() => {});
    await this.listening;
    await this.port.close().catch(() => {});
  }
}

const decoded = (heard) => new TextDecoder().decode(Uint8Array.from(heard, (character) => character.charCodeAt(0)));
