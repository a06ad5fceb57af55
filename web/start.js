// Starts MicroPython before editor and terminal are loaded, which takes as long. playground.js takes over, with what was heard meanwhile.
const worker = new Worker('playground-worker.js', { type: 'module' });
const heard = [];
worker.onmessage = (event) => heard.push(event);
worker.postMessage({ type: 'start' });
window.started = { worker, heard };
