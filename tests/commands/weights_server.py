"""A weight server with faults, on loopback, and small weight files of every format."""
import collections
import http.server
import io
import itertools
import json
import os
import ssl
import struct
import subprocess
import threading
import time
import zipfile


class Server:
    """Answers each path by a function of the handler; remembers what was asked for."""

    def __init__(self, certificate=None):
        self.routes, self.requests = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.close_connection = True
                outer.requests.append((self.path, self.headers.get("Range")))
                answer = outer.routes.get(self.path, status(404))
                try:
                    answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass  # clients that are killed, or refuse the certificate

        self.http = Quiet(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def count(self, path):
        return sum(asked == path for asked, _ in self.requests)


def send(handler, code, data, length=None, headers=()):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(data) if length is None else length))
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def whole(data, chunk=None, delay=0.0, ranges=True):
    """The file, or the part of it that is asked for; in chunks with a pause after each."""
    def answer(handler):
        asked, begin = handler.headers.get("Range"), 0
        if ranges and asked:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                return send(handler, 416, b"")
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) - begin))
        handler.end_headers()
        for i in range(begin, len(data), chunk or max(len(data), 1)):
            handler.wfile.write(data[i:i + (chunk or len(data))])
            handler.wfile.flush()
            time.sleep(delay)
    return answer


def status(code, **headers):
    return lambda handler: send(handler, code, b"no", headers=headers.items())


def claims(data, length):
    """A Content-Length that is not the data's."""
    return lambda handler: send(handler, 200, data, length)


def stalls(data, after):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:after])
        handler.wfile.flush()
        time.sleep(20)
    return answer


def redirect(url, **headers):
    return lambda handler: send(handler, 302, b"", headers=[("Location", url), *headers.items()])


def trickles(data, size, delay):
    """So many bytes at a time, without an end that anybody waits for."""
    return whole(data, chunk=size, delay=delay)


def raw(*parts, repeat=1, delay=0.0):
    """Bytes instead of an answer."""
    def answer(handler):
        for part in itertools.chain(parts[:-1], itertools.repeat(parts[-1], repeat)):
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(delay)
    return answer


def part(data, begin, end, total):
    """An answer of its own to any range."""
    return lambda handler: send(handler, 206, data[begin:end],
                                headers=[("Content-Range", f"bytes {begin}-{end - 1}/{total}")])


def in_turn(*answers):
    """The first answer first; the last one from then on."""
    turns = itertools.count()
    return lambda handler: answers[min(next(turns), len(answers) - 1)](handler)


def certificate(folder, name="127.0.0.1"):
    """A self-signed certificate with its key, in one file."""
    key, cert, both = (os.path.join(folder, f) for f in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=nestor test", "-addext", f"subjectAltName=IP:{name}",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(both, "w") as out:
        for path in (key, cert):
            with open(path) as f:
                out.write(f.read())
    return both, cert


def zip_of(entries, deflate=False):
    """entries: [(name, bytes)]."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def params_file(tensors):
    """MXNet's list of arrays, records of version 2. tensors: {name: (shape, float32 bytes)}."""
    out = [struct.pack("<QQQ", 0x112, 0, len(tensors))]
    for shape, data in tensors.values():
        out += [struct.pack("<IiI", 0xF993FAC9, 0, len(shape)), struct.pack(f"<{len(shape)}q", *shape),
                struct.pack("<iii", 1, 0, 0), data]
    out.append(struct.pack("<Q", len(tensors)))
    for name in tensors:
        out += [struct.pack("<Q", len(name)), name.encode()]
    return b"".join(out)


def torch_name(canonical):
    module, _, parameter = canonical.rpartition(".")
    module = module[:-len(".bn")] + ".bn0" if module.endswith(".conv2.bn") else module
    return f"{module}.{ {'gamma': 'weight', 'beta': 'bias'}.get(parameter, parameter) }"


def pth_file(tensors):
    """What torch.save writes for a state dict: a zip archive with a pickle and a storage a tensor."""
    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def number(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    opcodes, storages = [b"\x80\x02}("], []
    for i, (name, (shape, data)) in enumerate(tensors.items()):
        strides = [1]
        for extent in reversed(shape[1:]):
            strides.insert(0, strides[0] * extent)
        opcodes += [text(name), b"ctorch._utils\n_rebuild_tensor_v2\n(",
                    b"(", text("storage"), b"ctorch\nFloatStorage\n", text(str(i)), text("cpu"), number(len(data) // 4),
                    b"tQ", number(0), numbers(shape), numbers(strides), b"\x89ccollections\nOrderedDict\n)RtR"]
        storages.append((f"archive/data/{i}", data))
    opcodes.append(b"u.")
    return zip_of([("archive/data.pkl", b"".join(opcodes)), ("archive/version", b"3\n"), *storages])


Weights = collections.namedtuple("Weights", "name network file kind digest path task", defaults=["classification"])


def write_registry(path, host_url, files):
    """A list in the form of weights_convert/official_files.json."""
    rows = [{"name": f.name, "network": f.network, "task": f.task, "file": f.file, f.kind: f.digest,
             "input_size": 224, "accuracy": {"top-1": 50.0}, "at": ["test:" + f.path]} for f in files]
    with open(path, "w") as out:
        json.dump({"hosts": {"test": {"url": host_url + "/", "environment": "NESTOR_TEST_HOST"}}, "files": rows}, out)
