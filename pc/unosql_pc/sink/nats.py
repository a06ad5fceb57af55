"""The sink at a NATS server, by NATS' own protocol: sinks of one queue group divide the messages. Devices may speak MQTT to the server."""
import asyncio
import logging
import threading

from ..extras import need
from ..terminal import shown
from .mqtt import no_password, trusting

log = logging.getLogger("unosql.sink")
_REFUSED = "authorization violation", "authentication"


class Nats:
    """url: nats://USER@HOST:PORT, or tls://. group: the queue group. The rest as Broker has it."""

    def __init__(self, url, password, prefix, group, ca, on_message):
        self._nats = need("nats", "sink", "nats-py")
        self._parts = no_password(url, "--nats", {"nats": 4222, "tls": 4222})
        self._password, self._ca = password, ca
        self._base = prefix.replace("/", ".") + ".1."
        self._group = group or "unosql-sink"
        self._on_message = on_message
        self.foreign = 0
        self.failure = None
        self.is_connected = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        """Connect in the background, again and again; see failure."""
        self._thread.start()
        self._connecting = asyncio.run_coroutine_threadsafe(self._connect(), self._loop)

    def stop(self):
        """Send what waits, and leave."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def answer(self, device, payload):
        asyncio.run_coroutine_threadsafe(self._answer(device, payload), self._loop)

    # -- in the thread of the loop

    async def _connect(self):
        self._client = self._nats.NATS()
        options = {"user": self._parts.username, "password": self._password} if self._parts.username else {}
        if self._parts.scheme == "tls":
            options["tls"] = trusting(self._ca)
        address = "%s://%s:%d" % (self._parts.scheme, self._parts.hostname, self._parts.port or 4222)
        while not self.failure and not self.is_connected:
            try:
                await self._client.connect(address, name="unosql sink", max_reconnect_attempts=-1, reconnect_time_wait=1, allow_reconnect=True,
                                           error_cb=self._erred, disconnected_cb=self._disconnected, reconnected_cb=self._reconnected, **options)
                await self._client.subscribe(self._base + "*.up", queue=self._group, cb=self._came)
                await self._client.flush()
                await self._reconnected()
            except (OSError, self._nats.errors.Error, asyncio.TimeoutError) as error:
                await self._erred(error)
                await asyncio.sleep(1)

    async def _leave(self):
        self._connecting.cancel()
        if self.is_connected:
            await self._client.flush()
            await self._client.close()

    async def _came(self, message):
        self._on_message(message.subject.split(".")[-2], message.data)

    async def _answer(self, device, payload):
        if self.is_connected:
            await self._client.publish(self._base + device + ".down", payload)

    async def _erred(self, error):
        text = str(error) or type(error).__name__
        if any(word in text.lower() for word in _REFUSED) and not self.is_connected:
            self.failure = "NATS refuses: %s" % text
        elif "permissions violation for subscription" in text.lower():
            self.failure = "NATS does not let %s read %s*.up" % (self._parts.username or "this sink", self._base)
        log.warning("%s: %s", shown(self._parts.hostname), text)

    async def _disconnected(self):
        if self.is_connected:
            log.warning("NATS is gone; connecting again")
        self.is_connected = False

    async def _reconnected(self):
        self.is_connected = True
        log.info("connected to %s, reading %s*.up", self._parts.hostname, self._base)
