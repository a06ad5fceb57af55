"""`unosql sink add` and `acl`: users of a broker, and what each may do: a device its two topics, the sink those of all.

A broker that lets a device write only `PREFIX/1/ITS-NAME/up` makes the device's name in the topic trustworthy; the sink trusts no other name.
"""
import base64
import hashlib
import os
import secrets

from . import sealing
from ..terminal import say, shown

_ITERATIONS = 101  # as mosquitto_passwd has it: a random password needs no more
_ACL = """\
pattern write {prefix}/1/%u/up
pattern read {prefix}/1/%u/down

user {sink}
topic read {prefix}/1/+/up
topic write {prefix}/1/+/down
"""
_USER = """{{ user: "{name}", password: "{password}", permissions: {{
    publish: ["{publish}"], subscribe: [{subscribe}] }} }}
"""


def add(name, broker, file, prefix, is_sink, key_file=None):
    """Make a password for a device, or the sink, print it, and let the broker know it, or print what does so.

    key_file: of the sink's key; the device's is printed last, in hex.
    """
    key = key_file and sealing.key_of(sealing.read_key(key_file), name).hex()
    password = secrets.token_urlsafe(16)
    if broker == "nats":
        print(nats_user(name, password, prefix, is_sink), end="")
    elif file:
        _write(file, name, mosquitto_line(name, password))
        say("let mosquitto read %s again: kill -HUP, or systemctl reload mosquitto" % shown(file))
        print(password)
    else:
        say("the password of %s is %s: it is not kept; a line for mosquitto's password_file:" % (name, password))
        print(mosquitto_line(name, password))
    if key:
        say("the key that seals what %s sends and is sent:" % name)
        print(key)
    return 0


def acl(prefix, sink):
    """Print mosquitto's acl_file, for any number of devices. NATS has permissions with each user."""
    print(_ACL.format(prefix=prefix, sink=sink), end="")
    return 0


def mosquitto_line(name, password):
    """Return a line of mosquitto's password_file."""
    salt = os.urandom(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return "%s:$7$%d$%s$%s" % (name, _ITERATIONS, base64.b64encode(salt).decode(), base64.b64encode(hashed).decode())


def nats_user(name, password, prefix, is_sink):
    """Return a user for `authorization { users: [...] }` of nats-server, where MQTT's slashes are dots."""
    base = prefix.replace("/", ".") + ".1." + ("*" if is_sink else name)
    up, down = base + ".up", base + ".down"
    publish, subscribe = (down, up) if is_sink else (up, down)
    return _USER.format(name=name, password=password, publish=publish, subscribe='"%s", "%s.>"' % (subscribe, subscribe))


def _write(file, name, line):
    """Put a user's line into a file, in place of an older one. The file is there, or becomes one that only its owner reads."""
    lines = []
    if os.path.exists(file):
        with open(file) as opened:
            lines = [old for old in opened.read().splitlines() if not old.startswith(name + ":")]
    temporary = file + ".new"
    mode = os.stat(file).st_mode & 0o777 if os.path.exists(file) else 0o600
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as opened:
        opened.write("\n".join([*lines, line]) + "\n")
    if os.path.exists(file):
        _keep_owner(file, temporary)
    os.replace(temporary, file)


def _keep_owner(file, temporary):
    there = os.stat(file)
    if os.geteuid() == 0:
        os.chown(temporary, there.st_uid, there.st_gid)
