"""The sink at an MQTT broker: one connection, QoS 0, a clean session. The broker keeps nothing, so it may lose everything."""
import logging
import secrets
import socket
import ssl
from urllib.parse import unquote, urlsplit

from ..terminal import Failure, shown

log = logging.getLogger("unosql.sink")
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker:
    """url: mqtt://USER@HOST:PORT, or mqtts://. share: the name of a shared subscription, or None. ca: a file, for mqtts.

    on_message(device, payload) is called in a thread of its own. Failure when the URL is none.
    """

    def __init__(self, url, password, prefix, share, ca, on_message):
        from paho.mqtt import client as paho

        self._parts = parts = no_password(url, "--mqtt", PORTS)
        self._prefix = prefix
        self._topic = ("$share/%s/" % share if share else "") + prefix + "/1/+/up"
        self._on_message = on_message
        self.foreign = 0
        self.failure = None  # what no reconnecting mends
        self.is_connected = False
        self._was_connected = False
        self._client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, "unosql-sink-" + secrets.token_hex(4), clean_session=True)
        if parts.username:
            client.username_pw_set(unquote(parts.username), password)
        self._tls = trusting(ca) if parts.scheme == "mqtts" else None
        if self._tls:
            client.tls_set_context(self._tls)
        client.reconnect_delay_set(1, 15)
        client.on_connect, client.on_disconnect, client.on_connect_fail = self._connected, self._disconnected, self._unreachable
        client.on_subscribe, client.on_message = self._subscribed, self._came

    def start(self):
        """Connect in the background, again and again; see failure."""
        self._client.connect_async(self._parts.hostname, self._port(), keepalive=30)
        self._client.loop_start()

    def stop(self):
        """Send what waits, and leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def answer(self, device, payload):
        self._client.publish("%s/1/%s/down" % (self._prefix, device), payload, qos=0)

    # -- what paho calls

    def _connected(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            self._fail("the broker refuses: %s" % reason, reason.getName() in ("Not authorized", "Bad user name or password"))
            return
        client.subscribe(self._topic, qos=0)

    def _subscribed(self, client, userdata, mid, reasons, properties):
        if reasons[0].is_failure:
            self._fail("the broker does not let %s read %s" % (self._parts.username or "this sink", self._topic), True)
            return
        self.is_connected = self._was_connected = True
        log.info("connected to %s, reading %s", self._parts.hostname, self._topic)

    def _fail(self, text, is_final):
        """Later the broker's settings may be mended: then only the log tells."""
        if is_final and not self._was_connected:
            self.failure = text
        log.warning("%s", text)

    def _disconnected(self, client, userdata, flags, reason, properties):
        if self.is_connected and reason.is_failure:
            log.warning("the broker is gone (%s); connecting again", reason)
        self.is_connected = False

    def _unreachable(self, client, userdata):
        log.warning("%s: %s; trying again", self._parts.hostname, self._why())

    def _port(self):
        return self._parts.port or PORTS[self._parts.scheme]

    def _why(self):
        """paho does not tell why it could not connect: try, and see."""
        try:
            with socket.create_connection((self._parts.hostname, self._port()), 5) as plain:
                if self._tls:
                    self._tls.wrap_socket(plain, server_hostname=self._parts.hostname).close()
        except OSError as error:
            return error.strerror or str(error)
        return "does not answer"

    def _came(self, client, userdata, message):
        parts = message.topic.split("/")
        if message.retain:
            self.foreign += 1
        else:
            self._on_message(parts[-2], message.payload)


def trusting(ca):
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise Failure("--ca %s: %s" % (shown(ca), error.strerror or error)) from None


def no_password(url, option, ports):
    """Return a URL's parts. Failure, unless it has one of the schemes of ports and a host, and no password."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ports and parts.hostname and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        is_one = False
    if not is_one:
        raise Failure("%s takes %s, not %r" % (option, " or ".join("%s://USER@HOST:PORT" % scheme for scheme in ports), shown(url)))
    if parts.password:
        raise Failure("a password in %s is for all to see: put it into $UNOSQL_SINK_PASSWORD or --password-file" % option)
    return parts
