// Stands in for Web Serial: one port, whose bytes go to and from the test.
(() => {
  if (window.deliver) return; // it does already
  let input = null;
  window.deliver = (text) => input?.enqueue(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  window.unplug = () => input.error(new DOMException('The device has been lost.', 'NetworkError'));

  class Port extends EventTarget {
    getInfo() {
      return { usbVendorId: 0x10c4, usbProductId: 0xea60 };
    }
    async open() {
      this.opened = true;
    }
    async close() {
      this.opened = false;
      this.source = this.sink = input = null;
    }
    get readable() {
      if (this.opened && !this.source) {
        this.source = new ReadableStream({
          start: (controller) => { input = controller; },
          cancel: () => { this.source = input = null; },
        });
      }
      return this.opened ? this.source : null;
    }
    get writable() {
      if (this.opened && !this.sink) {
        this.sink = new WritableStream({
          write: (bytes) => { sendToBoard(btoa(String.fromCharCode(...bytes))); },
        });
      }
      return this.opened ? this.sink : null;
    }
    async setSignals() {}
    async forget() {}
  }

  const serial = Object.assign(new EventTarget(), { requestPort: async () => new Port(), getPorts: async () => [] });
  Object.defineProperty(navigator, "serial", { value: serial });

  // The elements that match, inside shadow roots too.
  window.inside = (selector, root = document) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll("*")].filter((e) => e.shadowRoot).flatMap((e) => inside(selector, e.shadowRoot)),
  ];
})();
