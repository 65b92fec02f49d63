"""nestor-weights and --pretrained: official weights from servers that fail in every way, into caches that fail too."""
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time
import unittest

from support import BAD_INPUT, BAD_MODEL, BIN, CAT, UNSUPPORTED, USAGE, CommandTest, model, read_safetensors, run
from weights_server import (Server, Weights, certificate, claims, in_turn, params_file, part, pth_file, raw, redirect,
                            stalls, status, torch_name, trickles, whole, write_registry, zip_of)

FAILED = 1
KILLS = 100 if os.environ.get("NESTOR_LONG") else 20
DATA = random.Random(1).randbytes(300_000)


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def send_range(handler, data, begin, count):
    """Of the file's `count` bytes from `begin` on, in an answer that promises all the rest."""
    handler.send_response(206 if begin else 200)
    handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
    handler.send_header("Content-Length", str(len(data) - begin))
    handler.end_headers()
    handler.wfile.write(data[begin:begin + count])


def send_with_digest(handler, data):
    handler.send_response(200)
    handler.send_header("X-Linked-ETag", f'"{sha256(data)}"')
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


class WeightsTest(CommandTest):
    """A cache, a server and a list of one file, "own/thing", that no network of ours reads."""

    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)
        self.home = self.path("cache")
        self.env = {"NESTOR_HOME": self.home, "HOME": self.path("home"), "NESTOR_REGISTRY": self.path("list.json"),
                    "no_proxy": "*", "NESTOR_WEIGHTS_URL": "", "MXNET_HOME": "", "TORCH_HOME": "", "XDG_CACHE_HOME": "",
                    "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_HOME": "", "HF_ENDPOINT": self.server.url + "/no_hub"}
        self.file = f"thing-{sha256(DATA)[:8]}.pth"
        self.list(Weights("own/thing", "thing", self.file, "sha256", sha256(DATA)[:8], self.file))
        self.serve(whole(DATA))

    def list(self, *files):
        write_registry(self.path("list.json"), self.server.url, files)

    def serve(self, answer, name=None):
        self.server.routes["/" + (name or self.file)] = answer

    def cached(self, *parts):
        return os.path.join(self.home, *parts)

    def weights(self, code, *arguments, **options):
        return self.expect(code, "nestor-weights", *arguments, env=self.env, **options)

    def pull(self, code=0, *arguments, **options):
        return self.weights(code, "pull", "thing", *arguments, **options)

    def contents(self, path):
        with open(path, "rb") as f:
            return f.read()

    def assert_good(self, data=DATA):
        self.assertEqual(self.contents(self.cached("files", self.file)), data)
        self.assert_tidy(self.file)

    def assert_tidy(self, *expected):
        """Nothing but these files, and no unfinished ones."""
        self.assertEqual(sorted(os.listdir(self.cached("files"))), sorted(expected))
        left = [name for name in os.listdir(self.cached("work")) if not name.endswith(".lock")]
        self.assertEqual(left, [])


class Downloads(WeightsTest):
    def test_once(self):
        first, second = self.pull(), self.pull()
        self.assertEqual(first.stdout.decode().strip(), self.cached("files", self.file))
        self.assertEqual(second.stdout, first.stdout)
        self.assert_good()
        self.assertEqual(len(self.server.requests), 1)

    def test_redirects(self):
        self.serve(redirect("/there"))
        self.serve(redirect(self.server.url + "/at_last"), "there")
        self.serve(whole(DATA), "at_last")
        self.pull()
        self.assert_good()

    def test_redirects_without_end(self):
        self.serve(redirect("/" + self.file))
        self.assert_says(self.pull(FAILED), self.server.url, "redirects")
        self.assertEqual(len(self.server.requests), 6)

    def test_resume_after_a_cut(self):
        self.serve(in_turn(claims(DATA[:100_000], len(DATA)), whole(DATA)))
        self.pull()
        self.assert_good()
        self.assertEqual([asked for _, asked in self.server.requests], [None, "bytes=100000-"])

    def test_a_later_call_goes_on(self):
        self.serve(claims(DATA[:100_000], len(DATA)))
        self.pull(FAILED, "--retries", 0)
        self.assertFalse(os.path.exists(self.cached("files", self.file)))
        self.serve(whole(DATA))
        self.pull()
        self.assert_good()
        self.assertEqual([asked for _, asked in self.server.requests], [None, "bytes=100000-"])

    def test_server_without_ranges(self):
        self.serve(in_turn(claims(DATA[:100_000], len(DATA)), whole(DATA, ranges=False)))
        self.pull()
        self.assert_good()

    def test_server_with_another_range(self):
        def wrong(handler):
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 5-{len(DATA) - 1}/{len(DATA)}")
            handler.send_header("Content-Length", str(len(DATA) - 5))
            handler.end_headers()
            handler.wfile.write(DATA[5:])
        self.serve(in_turn(claims(DATA[:100_000], len(DATA)), wrong, whole(DATA)))
        self.pull()
        self.assert_good()

    def test_resumed_file_that_does_not_fit_is_fetched_whole(self):
        os.makedirs(self.cached("work"))
        for beginning in (b"another file's", b"another file's" * 100_000):  # the latter: beyond the end, 416
            with open(self.cached("work", self.file + ".part"), "wb") as f:
                f.write(beginning)
            self.pull()
            self.assert_good()
            os.remove(self.cached("files", self.file))

    def test_complete_but_unverified_file_is_not_fetched_again(self):
        os.makedirs(self.cached("work"))
        with open(self.cached("work", self.file + ".part"), "wb") as f:
            f.write(DATA)
        self.pull()
        self.assert_good()
        self.assertEqual([asked for _, asked in self.server.requests], [f"bytes={len(DATA)}-"])

    def test_more_is_promised_than_comes(self):
        self.serve(lambda handler: claims(DATA[:-50_000], len(DATA))(handler))
        self.assert_says(self.pull(FAILED, "--retries", 0), "50000 bytes remaining")

    def test_less_is_promised_than_there_is(self):
        self.serve(claims(DATA, len(DATA) - 1000))
        self.assert_says(self.pull(BAD_MODEL), "nothing was kept", "299000 bytes")
        self.assert_tidy()

    def test_wrong_hash(self):
        wrong = bytes([DATA[0] ^ 1]) + DATA[1:]
        self.serve(whole(wrong))
        self.assert_says(self.pull(BAD_MODEL), sha256(wrong), sha256(DATA)[:8], "nothing was kept", "--base-url")
        self.assert_tidy()

    def test_missing_file_is_asked_for_once(self):
        self.serve(status(404))
        self.assert_says(self.pull(FAILED), "HTTP 404", self.server.url + "/" + self.file)
        self.assertEqual(len(self.server.requests), 1)

    def test_failing_server_is_asked_again(self):
        self.serve(in_turn(status(500), status(503), whole(DATA)))
        begin = time.monotonic()
        self.pull()
        self.assert_good()
        self.assertGreater(time.monotonic() - begin, 1.4)  # 0.5 + 1 s
        self.assertEqual(len(self.server.requests), 3)

    def test_slow_server_is_waited_for(self):
        self.serve(whole(DATA, chunk=15_000, delay=0.1))
        self.pull(0, "--timeout", 1)
        self.assert_good()
        self.assertEqual(len(self.server.requests), 1)

    def test_stalled_server_is_given_up_and_asked_for_the_rest(self):
        self.serve(in_turn(stalls(DATA, 10), whole(DATA)))
        self.pull(0, "--timeout", 1)
        self.assert_good()
        self.assertEqual(self.server.requests[1][1], "bytes=10-")
        self.serve(stalls(DATA, 0))
        self.weights(0, "remove", "thing")
        self.assert_says(self.pull(FAILED, "--timeout", 1, "--retries", 0), "--base-url")
        self.serve(lambda handler: time.sleep(20))  # not even an answer
        self.assert_says(self.pull(FAILED, "--timeout", 1, "--retries", 0), "--base-url")

    def test_mirrors(self):
        self.serve(whole(DATA), "mirror/" + self.file)
        self.list(Weights("own/thing", "thing", self.file, "sha256", sha256(DATA)[:8], "official/" + self.file))
        self.assert_says(self.pull(FAILED), "404")
        self.pull(0, "--base-url", self.server.url + "/mirror")
        self.weights(0, "remove", "thing")
        self.env["NESTOR_WEIGHTS_URL"] = self.server.url + "/mirror/"
        self.pull()
        self.weights(0, "remove", "thing")
        # The variable of the original tools replaces the host, not the path.
        self.env.update(NESTOR_WEIGHTS_URL="", NESTOR_TEST_HOST=self.server.url + "/mirror2")
        self.serve(whole(DATA), "mirror2/official/" + self.file)
        self.pull()
        self.assert_good()

    def test_proxy(self):
        self.env.update(no_proxy="", NO_PROXY="", http_proxy=self.server.url)
        self.list(Weights("own/thing", "thing", self.file, "sha256", sha256(DATA)[:8], "x"))
        self.server.routes["http://weights.invalid/" + self.file] = whole(DATA)
        self.pull(0, "--base-url", "http://weights.invalid/")
        self.assert_good()

    def test_no_network(self):
        self.server.close()
        done = self.pull(FAILED, "--retries", 0)
        self.assert_says(done, self.server.url + "/" + self.file, self.cached("files", self.file), "import", "demo.sh")
        done = self.pull(FAILED, "--offline")
        self.assert_says(done, self.server.url + "/" + self.file, self.cached("files", self.file), "import", "demo.sh")

    def test_progress_on_a_terminal(self):
        self.serve(whole(DATA, chunk=30_000, delay=0.05))
        master, slave = os.openpty()
        process = subprocess.Popen([os.path.join(BIN, "nestor-weights"), "pull", "thing"], env={**os.environ, **self.env},
                                   stdout=subprocess.PIPE, stderr=slave)
        out, _ = process.communicate(timeout=60)
        os.close(slave)
        shown = os.read(master, 100_000).decode()
        os.close(master)
        self.assertRegex(shown, r"downloading own/thing \[#+\.*\] 0\.\d/0\.3 MB  \d+\.\d MB/s  0:00 left")
        self.assertTrue(shown.endswith("\r\x1b[K"))
        self.assertNotIn(b"MB/s", self.pull().stderr)

    def test_strange_addresses_are_refused(self):
        for url in ("file:///etc", "ftp://127.0.0.1/", "no address"):
            self.pull(FAILED, "--base-url", url, "--retries", 0)
        self.assertEqual(self.server.requests, [])


class Hostile(WeightsTest):
    """Servers that want to keep a command busy, or full of data."""

    DATA = random.Random(5).randbytes(3_000_000)

    def setUp(self):
        super().setUp()
        self.file = f"thing-{sha256(self.DATA)[:8]}.pth"
        self.list(Weights("own/thing", "thing", self.file, "sha256", sha256(self.DATA)[:8], self.file))

    def fails(self, *parts, code=FAILED, arguments=("--timeout", 1, "--retries", 2)):
        begin = time.monotonic()
        done = self.pull(code, *arguments, timeout=60)
        self.assert_says(done, *parts)
        self.assertNotIn(b"\x1b", done.stderr)
        return time.monotonic() - begin

    def test_wrong_ranges_for_ever(self):
        def answer(handler):
            if handler.headers.get("Range"):
                part(self.DATA, 7, 17, len(self.DATA))(handler)
            else:
                claims(self.DATA[:1_200_000], len(self.DATA))(handler)
        self.serve(answer)
        self.fails(self.file)
        self.assertLessEqual(len(self.server.requests), 6)

    def test_beginnings_for_ever_each_longer(self):
        answers = [claims(bytes(1_200_000 * (i + 1)), 1 << 40) for i in range(20)]
        self.serve(in_turn(*answers))
        self.fails(self.file)
        self.assertLessEqual(len(self.server.requests), 6)

    def test_a_long_file_in_many_pieces_is_no_failure(self):
        # Each answer brings a good piece: more of them than there are retries.
        pieces = [lambda handler, i=i: send_range(handler, self.DATA, i * 1_050_000, 1_050_000) for i in range(3)]
        self.serve(in_turn(*pieces))
        self.pull(0, "--retries", 1)
        self.assert_good(self.DATA)

    def test_a_trickle_is_given_up(self):
        self.serve(trickles(self.DATA, 20, 0.05))  # 400 bytes a second
        self.assertLess(self.fails("too slow", arguments=("--timeout", 2, "--retries", 0)), 20)
        self.serve(raw(b"HTTP/1.1 200 OK\r\n", b"x", repeat=1000, delay=0.05))
        self.assertLess(self.fails(self.file, arguments=("--timeout", 2, "--retries", 0)), 20)

    def test_the_whole_has_a_limit(self):
        self.serve(trickles(self.DATA, 5_000, 0.1))  # 50,000 bytes a second: fast enough
        self.assertLess(self.fails("--time-limit", arguments=("--time-limit", 2)), 20)
        self.serve(status(503))
        self.assertLess(self.fails("--time-limit", arguments=("--time-limit", 2, "--retries", 100)), 20)

    def test_headers_without_end(self):
        begin = b"HTTP/1.1 200 OK\r\n"
        for answer in (raw(begin, b"X-A: " + b"a" * 60_000 + b"\r\n", repeat=10_000),
                       raw(begin + b"X: ", b"a" * 60_000, repeat=10_000),
                       raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, repeat=10_000)):
            self.serve(answer)
            self.assertLess(self.fails(self.file), 30)

    def test_no_web_server(self):
        for answer in (raw(b"SSH-2.0-x\r\n" + bytes(1000)), raw(self.DATA)):
            self.serve(answer)
            self.fails("HTTP/0.9")

    def test_control_characters(self):
        self.serve(raw(b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n"))
        self.fails("HTTP 404")
        self.serve(redirect("file:///\x1b]0;owned\x07"))
        self.fails(self.file)

    def test_long_waits_that_servers_ask_for_have_the_limit_too(self):
        self.serve(status(503, **{"Retry-After": "99999999999"}))
        self.assertLess(self.fails("--time-limit", arguments=("--time-limit", 2)), 20)


class Folder(WeightsTest):
    """A cache that others can write to."""

    PLACES = "part", "lock"

    def place(self, kind):
        """Of a file in work/, which is not there."""
        path = self.cached("work", f"{self.file}.{kind}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.remove(path)
        return path

    def test_links_are_not_followed(self):
        with open(self.path("precious"), "w") as f:
            f.write("mine")
        for kind in self.PLACES:
            for target in ("precious", "made"):  # the latter is not there yet
                os.symlink(self.path(target), self.place(kind))
                self.assert_says(self.pull(FAILED), f"{self.file}.{kind}", "symbolic link")
            self.place(kind)
        self.assertEqual(self.contents(self.path("precious")), b"mine")
        self.assertFalse(os.path.exists(self.path("made")))
        os.makedirs(self.cached("files"), exist_ok=True)
        os.symlink(self.path("precious"), self.cached("files", self.file))
        self.pull()
        self.assert_good()
        self.assertFalse(os.path.islink(self.cached("files", self.file)))
        self.assertEqual(self.contents(self.path("precious")), b"mine")

    def test_fifos_and_folders_do_not_stop_it(self):
        for make in (os.mkfifo, os.mkdir):
            for kind in self.PLACES:
                path = self.place(kind)
                make(path)
                self.assert_says(self.pull(FAILED, timeout=20), f"{self.file}.{kind}")
                (os.remove if make is os.mkfifo else os.rmdir)(path)
        os.makedirs(self.cached("files"), exist_ok=True)
        os.mkfifo(self.cached("files", self.file))
        self.pull(timeout=20)
        self.assert_good()


class Security(WeightsTest):
    def setUp(self):
        super().setUp()
        both, self.certificate = certificate(self.folder)
        self.secure = Server(both)
        self.addCleanup(self.secure.close)
        self.secure.routes["/" + self.file] = whole(DATA)

    def test_untrusted_certificate_is_refused(self):
        self.assert_says(self.pull(FAILED, "--base-url", self.secure.url), "certificate")
        self.assertEqual(self.secure.requests, [])
        self.env["SSL_CERT_FILE"] = self.certificate
        self.pull(0, "--base-url", self.secure.url)
        self.assert_good()

    def test_redirect_to_plain_http_is_refused(self):
        self.env["SSL_CERT_FILE"] = self.certificate
        self.secure.routes["/" + self.file] = redirect(f"{self.server.url}/{self.file}")
        self.assert_says(self.pull(FAILED, "--base-url", self.secure.url), "redirect", "refused")
        self.assertEqual(self.server.requests, [])

    def test_redirect_from_plain_http_to_tls(self):
        self.env["SSL_CERT_FILE"] = self.certificate
        self.serve(redirect(f"{self.secure.url}/{self.file}"))
        self.pull()
        self.assert_good()


class Archives(WeightsTest):
    """GluonCV's .params files travel in zip archives."""

    def setUp(self):
        super().setUp()
        self.data = params_file({"a.weight": ([1000], bytes(range(250)) * 16)})
        self.file = f"thing-{sha1(self.data)[:8]}.params"
        self.zip = self.file.replace(".params", ".zip")
        self.list(Weights("own/thing", "thing", self.file, "sha1", sha1(self.data), self.zip))

    def test_stored_and_deflated(self):
        for deflate in (False, True):
            self.serve(whole(zip_of([(self.file, self.data)], deflate)), self.zip)
            self.pull()
            self.assert_good(self.data)
            self.weights(0, "remove", "thing")

    def test_hostile(self):
        good, out = (self.file, self.data), []
        for name, archive in {
                "two entries": zip_of([good, ("more.params", self.data)]),
                "a script beside it": zip_of([good, ("run.sh", b"rm -rf /")]),
                "no entry": zip_of([]),
                "climbing out": zip_of([("../" + self.file, self.data)]),
                "from the root": zip_of([("/tmp/" + self.file, self.data)]),
                "much of little": zip_of([(self.file, bytes(40_000_000))], deflate=True),
                "other contents": zip_of([(self.file, self.data + b"\0")]),
                "cut": zip_of([good])[:-10],
                "no archive": b"<html>Please sign in</html>"}.items():
            with self.subTest(name):
                self.serve(whole(archive), self.zip)
                self.assert_says(self.pull(BAD_MODEL), "nothing was kept")
                self.assert_tidy()
        self.assertFalse(os.path.exists(self.cached(self.file)))


class Processes(WeightsTest):
    def start(self, *arguments):
        return subprocess.Popen([os.path.join(BIN, "nestor-weights"), "pull", "thing", *arguments],
                                env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_two_at_once_download_once(self):
        self.serve(whole(DATA, chunk=30_000, delay=0.05))
        both = [self.start(), self.start()]
        outs = [process.communicate(timeout=60) for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0])
        self.assertEqual(outs[0][0], outs[1][0])
        self.assertIn(b"waiting", outs[0][1] + outs[1][1])
        self.assert_good()
        self.assertEqual(len(self.server.requests), 1)

    def test_one_that_waits_takes_over_from_a_killed_one(self):
        self.serve(whole(DATA, chunk=30_000, delay=0.1))
        first = self.start()
        while not self.server.requests:
            time.sleep(0.01)
        second = self.start()
        self.assertIn(b"waiting", second.stderr.readline())
        first.kill()
        first.communicate()
        second.communicate(timeout=60)
        self.assertEqual(second.returncode, 0)
        self.assert_good()
        self.assertRegex(self.server.requests[1][1], "bytes=[1-9]")

    def test_killed_at_any_moment(self):
        dice = random.Random(2)
        finished = 0
        self.serve(whole(DATA, chunk=3_000, delay=0.001))
        for _ in range(KILLS):
            process = self.start("--retries", "0")
            time.sleep(dice.uniform(0, 0.12))
            process.kill()
            process.communicate()
            if os.path.exists(self.cached("files", self.file)):
                self.assertEqual(self.contents(self.cached("files", self.file)), DATA)
                os.remove(self.cached("files", self.file))
                finished += 1
        self.pull()
        self.assert_good()
        self.assertIn("bytes=", str(self.server.requests))  # some went on where a killed one stopped
        self.assertLess(finished, KILLS)


class Disks(WeightsTest):
    @staticmethod
    def limit_files(size):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk: an error, not a signal
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return limit

    def limited(self, size):
        done = subprocess.run([os.path.join(BIN, "nestor-weights"), "pull", "thing"], capture_output=True, timeout=60,
                              env={**os.environ, **self.env}, preexec_fn=self.limit_files(size))
        self.assertEqual(done.returncode, FAILED, done.stderr)
        return done

    def tmpfs(self, size):
        os.makedirs(self.home)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.home], capture_output=True)
        if done.returncode != 0:
            self.skipTest("cannot mount a tmpfs here: " + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", self.home], check=True)

    def test_full_while_downloading(self):
        self.assert_says(self.limited(100_000), "NESTOR_HOME", "nothing was kept")
        self.assert_tidy()
        self.pull()
        self.assert_good()

    def test_full_while_unpacking(self):
        data = params_file({"a.weight": ([100_000], DATA + bytes(100_000))})
        self.file = f"thing-{sha1(data)[:8]}.params"
        self.list(Weights("own/thing", "thing", self.file, "sha1", sha1(data), "thing.zip"))
        self.serve(whole(zip_of([(self.file, data)], deflate=True)), "thing.zip")
        self.assert_says(self.limited(350_000), self.file, "cannot write", "NESTOR_HOME")
        self.assert_tidy()
        self.pull()
        self.assert_good(data)

    def test_full_file_system(self):
        self.tmpfs("200k")
        self.assert_says(self.pull(FAILED), "No space left", "NESTOR_HOME", "nothing was kept")
        self.assert_tidy()

    def test_read_only_cache(self):
        self.tmpfs("2m")
        self.pull()
        subprocess.run(["mount", "-o", "remount,ro", self.home], check=True)
        self.pull()  # what is there is used
        self.assertEqual(self.weights(0, "path", "thing").stdout.decode().strip(), self.cached("files", self.file))
        self.list(Weights("own/thing", "thing", "other-00000000.pth", "sha256", "00000000", self.file))
        self.assert_says(self.pull(FAILED), self.home, "Read-only", "NESTOR_HOME")

    def test_no_place_at_all(self):
        self.env.update(NESTOR_HOME="", HOME="")
        self.assert_says(self.pull(USAGE), "NESTOR_HOME")

    def test_order_of_places(self):
        for variables, place in (({"NESTOR_HOME": "", "XDG_CACHE_HOME": self.path("xdg")}, self.path("xdg", "nestor")),
                                 ({"NESTOR_HOME": "", "XDG_CACHE_HOME": ""}, self.path("home", ".cache", "nestor"))):
            self.env.update(variables)
            self.assertEqual(self.pull().stdout.decode().strip(), os.path.join(place, "files", self.file))


class Commands(WeightsTest):
    def test_list(self):
        rows = json.loads(self.output("nestor-weights", "list", "--format", "json", env={**self.env, "NESTOR_REGISTRY": ""}))
        self.assertEqual(len(rows), 71)
        self.assertEqual(len({row["name"] for row in rows}), 71)
        self.assertFalse(any(row["cached"] for row in rows))
        row, = (row for row in rows if row["name"] == "timm/resnest50d.in1k")
        self.assertEqual((row["network"], row["input_size"], row["accuracy"], row["runnable"], row["sha256"]),
                         ("resnest50", 224, {"top-1": 80.958, "top-5": 95.372}, True, "528c19ca"))
        detector, = (row for row in rows if row["name"].endswith("/faster_rcnn_fpn_syncbn_resnest269_coco"))
        self.assertEqual([detector["preprocess"][key] for key in ("rule", "short_side", "longest_side")],
                         ["short_side_within", 864, 1440])
        segmenter, = (row for row in rows if row["name"].endswith("/deeplab_resnest50_ade"))
        self.assertEqual(segmenter["preprocess"]["rule"], "none")
        self.assertEqual([row["name"] for row in rows if not row["runnable"]], ["gluoncv/resnet50_v1s", "gluoncv/deeplab_resnet50_ade"])
        self.pull()
        row, = json.loads(self.weights(0, "list", "--format", "json").stdout)
        self.assertEqual((row["cached"], row["size_bytes"]), (True, len(DATA)))
        text = self.weights(0, "list", "--network", "thing").stdout.decode()
        self.assertIn("own/thing", text)
        self.assertIn("cached", text)
        self.weights(USAGE, "list", "--network", "vgg")

    def test_names(self):
        self.pull()
        path = self.cached("files", self.file) + "\n"
        for name in ("own/thing", "thing", self.file, self.file[:-4], sha256(DATA)[:8], sha256(DATA)):
            self.assertEqual(self.weights(0, "path", name).stdout.decode(), path)
        for name in ("other", sha256(DATA)[:7], "deadbeef", ""):
            self.assert_says(self.weights(USAGE, "path", name), "nestor-weights list")

    def test_verify_and_remove(self):
        self.weights(BAD_INPUT, "verify", "thing")
        self.assertEqual(self.weights(0, "verify").stdout, b"")
        self.pull()
        self.assertIn(b"ok", self.weights(0, "verify", "thing").stdout)
        with open(self.cached("files", self.file), "r+b") as f:
            f.write(b"x")
        for names in ([], ["thing"]):
            done = self.weights(BAD_MODEL, "verify", *names)
            self.assertIn(b"damaged", done.stdout)
            self.assert_says(done, "remove")
        self.assert_says(self.pull(), "damaged")  # and replaces it
        self.assert_good()
        self.weights(0, "remove", "thing")
        self.assert_tidy()
        self.assert_says(self.weights(0, "remove", "thing"), "not in the cache")
        self.assert_says(self.weights(BAD_INPUT, "path", "thing"), "nestor-weights pull own/thing")

    def test_import(self):
        with open(self.path("Downloads.bin"), "wb") as f:
            f.write(DATA)
        self.weights(0, "import", self.path("Downloads.bin"))
        self.assert_good()
        self.assertEqual(self.server.requests, [])
        self.assert_says(self.weights(BAD_INPUT, "import", CAT), "hash")
        self.weights(BAD_INPUT, "import", self.path("none"))

    def test_files_of_other_programs_are_used_and_left_alone(self):
        for variables, folder in (({}, self.path("home", ".mxnet", "models")),
                                  ({}, self.path("home", ".cache", "torch", "hub", "checkpoints")),
                                  ({"XDG_CACHE_HOME": self.path("x")}, self.path("x", "torch", "hub", "checkpoints")),
                                  ({"MXNET_HOME": self.path("m")}, self.path("m", "models")),
                                  ({"TORCH_HOME": self.path("t")}, self.path("t", "hub", "checkpoints"))):
            self.env.update(variables)
            os.makedirs(folder)
            path = os.path.join(folder, self.file)
            with open(path, "wb") as f:
                f.write(DATA)
            self.assertEqual(self.pull().stdout.decode().strip(), path)
            self.assertEqual(self.weights(0, "path", "thing").stdout.decode().strip(), path)
            self.assert_says(self.weights(0, "remove", "thing"), "stays")
            with open(path, "r+b") as f:
                f.write(b"x")
            self.assert_says(self.pull(), "damaged or another file")
            self.assert_good()
            self.assertEqual(len(self.contents(path)), len(DATA))
            self.weights(0, "remove", "thing")
            shutil.rmtree(folder)

    def test_usage(self):
        for arguments in ([], ["pull"], ["fetch", "thing"], ["list", "--format", "xml"], ["import"]):
            self.weights(USAGE, *arguments)
        for arguments in (["--help"], ["pull", "--help"], ["--version"]):
            self.weights(0, *arguments)
        with open(self.path("list.json"), "w") as f:
            f.write("{}")
        self.assert_says(self.pull(BAD_INPUT), "list.json")


class OtherTasks(WeightsTest):
    """Detectors and segmenters by name, as GluonCV's archives hold them."""

    def check(self, command, network, task):
        tensors, _ = read_safetensors(model(network))
        data = params_file({name: (shape, data) for name, (_, shape, data) in tensors.items()})
        file = f"{network}-{sha1(data)[:8]}.params"
        archive = file.replace(".params", ".zip")
        self.list(Weights(f"gluoncv/{network}", network, file, "sha1", sha1(data), archive, task))
        self.serve(whole(zip_of([(file, data)])), archive)
        answer = self.output(command, "--network", network, "--pretrained", "--format", "json", CAT, env=self.env)
        expected = self.output(command, "--weights", model(network), "--format", "json", CAT)
        self.assertEqual(json.loads(answer)["images"], json.loads(expected)["images"])
        self.assertEqual(len(self.server.requests), 1)

    def test_detector(self):
        self.check("nestor-detect", "faster_rcnn_fpn_resnest_mini", "detection")

    def test_segmenter(self):
        self.check("nestor-segment", "deeplab_resnest_mini", "segmentation")


class Pretrained(WeightsTest):
    """From a name to predictions, with synthetic weights in the place of official ones."""

    NETWORK = "resnest14"

    @classmethod
    def setUpClass(cls):
        tensors, _ = read_safetensors(model(cls.NETWORK))
        tensors = {name: (shape, data) for name, (_, shape, data) in tensors.items()}
        cls.params = params_file(tensors)
        cls.pth = pth_file({torch_name(name): tensor for name, tensor in tensors.items()})
        with open(model(cls.NETWORK), "rb") as f:
            cls.safetensors = f.read()

    def setUp(self):
        super().setUp()
        network, files = self.NETWORK, []
        for source, name, kind, data in (("gluoncv", f"{network}-{sha1(self.params)[:8]}.params", "sha1", self.params),
                                         ("resnest", f"{network}-{sha256(self.pth)[:8]}.pth", "sha256", self.pth),
                                         ("timm", f"{network}d.in1k.safetensors", "sha256", self.safetensors)):
            digest = sha1(data) if kind == "sha1" else sha256(data)
            model_name = network if source != "timm" else network + "d.in1k"
            on_server = name.replace(".params", ".zip")
            files.append(Weights(f"{source}/{model_name}", network, name, kind, digest, on_server))
            self.serve(whole(zip_of([(name, data)]) if kind == "sha1" else data), on_server)
        self.list(*files)

    def classify(self, *arguments):
        done = self.expect(0, "nestor-classify", "--network", self.NETWORK, "--format", "json", "--top-k", 3, *arguments,
                           env=self.env)
        return json.loads(done.stdout)

    def expected(self, preprocess):
        return json.loads(self.output("nestor-classify", "--weights", model(self.NETWORK), "--format", "json", "--top-k", 3,
                                      "--preprocess", preprocess, CAT))["images"]

    def test_each_source_prepares_images_its_way(self):
        answers = set()
        for source, selector in (("gluoncv", ["--pretrained"]), ("resnest", ["--pretrained", sha256(self.pth)[:8]]),
                                 ("timm", ["--pretrained", "in1k"])):
            expected = self.expected(source)
            self.assertEqual(self.classify(*selector, CAT)["images"], expected)
            answers.add(json.dumps(expected))
        self.assertEqual(len(answers), 3)
        self.assertEqual(len(self.server.requests), 3)
        self.server.requests.clear()
        self.classify("--pretrained", "--offline", CAT)
        self.assertEqual(self.server.requests, [])
        self.weights(0, "verify")

    def test_pull_among_a_networks_weights(self):
        for name, source in ((None, "gluoncv"), ("timm", "timm"), ("in1k", "timm"), (sha256(self.pth)[:8], "resnest")):
            path = self.weights(0, "pull", "--network", self.NETWORK, *([name] if name else [])).stdout.decode()
            self.assertIn(f"/models/{source}-{self.NETWORK}", path)
        self.assert_says(self.weights(USAGE, "pull", "--network", self.NETWORK, "mxnet"), "mxnet", self.NETWORK)
        self.assert_says(self.weights(USAGE, "pull"), "--network")

    def test_images_before_and_after(self):
        rows = self.classify(CAT, "--pretrained", CAT, CAT)["images"]
        self.assertEqual([row["image"] for row in rows], [CAT] * 3)
        folder = self.path("word")  # a plain word that is there is an image or a folder of them
        os.makedirs(folder)
        shutil.copy(CAT, folder)
        done = run("nestor-classify", "--network", self.NETWORK, "--pretrained", "word", "--format", "json", cwd=self.folder,
                   env=self.env)
        self.assertEqual(json.loads(done.stdout)["images"][0]["image"], "word/cat.jpg")

    def test_converted_models_are_kept_and_verified(self):
        path = self.weights(0, "pull", self.NETWORK).stdout.decode().strip()
        self.assertEqual(self.weights(0, "path", self.NETWORK).stdout.decode().strip(), path)
        self.assertTrue(path.startswith(self.cached("models")))
        original = self.weights(0, "path", "--original", self.NETWORK).stdout.decode().strip()
        self.assertEqual(self.contents(original), self.params)
        self.assertEqual(self.weights(0, "verify").stdout.count(b"ok"), 2)
        with open(path, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            f.write(b"\x7f")
        self.assertIn(b"damaged", self.weights(BAD_MODEL, "verify").stdout)
        self.weights(0, "remove", self.NETWORK)
        self.assertEqual(os.listdir(self.cached("models")), [])

    def test_a_changed_model_is_converted_anew(self):
        path = self.weights(0, "pull", self.NETWORK).stdout.decode().strip()
        good, record = self.contents(path), path + ".sha256"
        recorded = self.contents(record).split()
        self.assertEqual((recorded[0].decode(), int(recorded[1])), (sha256(good), len(good)))
        # Of another date alone: nothing but the record is written.
        os.utime(path, (1, 1))
        self.assertNotIn(b"damaged", self.weights(0, "pull", self.NETWORK).stderr)
        self.assertNotEqual(self.contents(record).split(), recorded)
        # Records of earlier versions have the digest alone.
        with open(record, "w") as f:
            f.write(sha256(good) + "\n")
        self.assertNotIn(b"damaged", self.weights(0, "pull", self.NETWORK).stderr)
        self.assertEqual(len(self.contents(record).split()), 3)
        for spoil in (lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:-1], lambda data: b""):
            with open(path, "wb") as f:
                f.write(spoil(good))
            self.assert_says(self.weights(0, "pull", self.NETWORK), "damaged", "anew")
            self.assertEqual(self.contents(path), good)
        for broken in (None, b"", b"nonsense", bytes(1000)):
            os.remove(record)
            if broken is not None:
                with open(record, "wb") as f:
                    f.write(broken)
            self.assert_says(self.weights(0, "pull", self.NETWORK), "anew")
            self.assertEqual(self.contents(path), good)
        self.assertEqual(len(self.server.requests), 1)

    def hub_rows(self):
        """A list of timm's weights alone, with an address that fails and a hub that works."""
        self.list(Weights("timm/resnest14d.gluon_in1k", self.NETWORK, "resnest14-00000000.pth", "sha256", "00000000", "x.pth"))
        self.serve(status(404), "x.pth")
        self.env["HF_ENDPOINT"] = self.server.url + "/hub/"
        self.on_hub = "hub/timm/resnest14d.gluon_in1k/resolve/main/model.safetensors"

    def test_the_hub_is_asked_at_last(self):
        self.hub_rows()
        digest = {"X-Linked-ETag": f'"{sha256(self.safetensors)}"'}
        self.serve(redirect("/blob", **digest), self.on_hub)
        self.serve(in_turn(claims(self.safetensors[:2_000_000], len(self.safetensors)), whole(self.safetensors)), "blob")
        path = self.weights(0, "pull", "resnest14d").stdout.decode().strip()
        self.assertEqual([asked for asked, _ in self.server.requests], ["/x.pth"] + ["/" + self.on_hub, "/blob"] * 2)
        self.assertIn("models", path)
        self.assertEqual(self.classify("--pretrained", "timm", CAT)["images"], self.expected("timm"))
        os.remove(path)
        self.weights(0, "pull", "timm/resnest14d.gluon_in1k", "--offline")
        self.assertEqual(self.weights(0, "verify").stdout.count(b"ok"), 2)
        self.weights(0, "remove", "resnest14d")
        self.assertEqual(os.listdir(self.cached("files")) + os.listdir(self.cached("models")), [])

    def test_what_the_hub_sends_must_have_the_digest_that_it_tells(self):
        self.hub_rows()
        for headers, word in (({"X-Linked-ETag": f'"{sha256(DATA)}"'}, "wrong"), ({}, "X-Linked-ETag"),
                              ({"X-Linked-ETag": '"1234"'}, "X-Linked-ETag")):
            self.serve(redirect("/blob", **headers), self.on_hub)
            self.serve(whole(self.safetensors), "blob")
            self.assert_says(self.weights(BAD_MODEL, "pull", "resnest14d"), word, "nothing was kept")
            self.assertEqual(os.listdir(self.cached("files")), [])
            self.assertFalse([name for name in os.listdir(self.cached("work")) if name.startswith("timm-")])
        # Only the hub itself is believed, not the host to which it leads.
        self.serve(redirect("/blob"), self.on_hub)
        self.serve(lambda handler: send_with_digest(handler, self.safetensors), "blob")
        self.assert_says(self.weights(BAD_MODEL, "pull", "resnest14d"), "X-Linked-ETag")

    def test_the_hubs_cache_is_read(self):
        self.hub_rows()
        commit, digest = "0123456789" * 4, sha256(self.safetensors)
        for variable, folder in (("HF_HUB_CACHE", self.path("a")), ("HF_HOME", self.path("b", "hub")),
                                 (None, os.path.join(self.path("home"), ".cache", "huggingface", "hub"))):
            repository = os.path.join(folder, "models--timm--resnest14d.gluon_in1k")
            for part_of in ("blobs", "refs", os.path.join("snapshots", commit)):
                os.makedirs(os.path.join(repository, part_of))
            blob = os.path.join(repository, "blobs", digest)
            with open(blob, "wb") as f:
                f.write(self.safetensors)
            with open(os.path.join(repository, "refs", "main"), "w") as f:
                f.write(commit)
            os.symlink(f"../../blobs/{digest}", os.path.join(repository, "snapshots", commit, "model.safetensors"))
            if variable:
                self.env[variable] = folder if variable == "HF_HUB_CACHE" else self.path("b")
            self.assertEqual(self.weights(0, "pull", "resnest14d", "--original", "--offline").stdout.decode().strip(), blob)
            self.assertEqual(self.weights(0, "path", "resnest14d").stdout.decode().strip(), blob)
            self.assertIn(b" cached ", self.weights(0, "list", "--network", "resnest14d").stdout)
            self.assertEqual(self.weights(0, "verify").stdout.decode(), f"ok       {blob}\n")
            self.weights(0, "pull", "resnest14d", "--offline")
            self.assertIn("models", self.weights(0, "path", "resnest14d").stdout.decode())
            self.assertEqual(self.weights(0, "path", "--original", "resnest14d").stdout.decode().strip(), blob)
            self.weights(0, "remove", "resnest14d")
            with open(blob, "r+b") as f:
                f.write(b"x")
            self.assert_says(self.weights(BAD_MODEL, "verify", "resnest14d"), "damaged files")
            self.assert_says(self.weights(FAILED, "pull", "resnest14d", "--offline"), "damaged")
            if variable:
                del self.env[variable]
        self.assertEqual(self.server.requests, [])

    def test_registries_with_other_numbers_of_classes(self):
        self.output("nestor-convert", "--network", self.NETWORK, "--synthetic-seed", 1, "--num-classes", 3, "--output",
                    self.path("three.safetensors"))
        data = self.contents(self.path("three.safetensors"))
        self.list(Weights("own/three", self.NETWORK, "three.safetensors", "sha256", sha256(data), "three"))
        self.serve(whole(data), "three")
        self.weights(BAD_MODEL, "pull", "three")
        with open(self.path("list.json")) as f:
            rows = json.load(f)
        for wrong in (0, -1, 10**9, "three"):
            rows["files"][0]["num_classes"] = wrong
            with open(self.path("list.json"), "w") as f:
                json.dump(rows, f)
            self.assert_says(self.weights(BAD_INPUT, "pull", "three"), "list.json")
        rows["files"][0]["num_classes"] = 3
        with open(self.path("list.json"), "w") as f:
            json.dump(rows, f)
        path = self.weights(0, "pull", "three").stdout.decode().strip()
        tensors, _ = read_safetensors(path)
        self.assertEqual(tensors["fc.bias"][1], [3])

    def test_networks_by_timms_names(self):
        path = model(self.NETWORK)
        for name in ("resnest14d", "timm/resnest14d", "timm/resnest14d.gluon_in1k"):
            self.output("nestor-classify", "--weights", path, "--network", name, CAT)
            self.output("nestor-inspect", path, "--network", name)
            self.output("nestor-convert", "--network", name, "--synthetic-seed", 1, "--output", self.path("x.safetensors"))

    def test_import_of_an_archive(self):
        with open(self.path("x.zip"), "wb") as f:
            f.write(zip_of([("any.params", self.params)]))
        path = self.weights(0, "import", self.path("x.zip")).stdout.decode().strip()
        self.assertEqual(path, self.weights(0, "path", self.NETWORK).stdout.decode().strip())
        self.assertEqual(self.server.requests, [])

    def test_killed_while_converting(self):
        dice = random.Random(3)
        self.weights(0, "pull", "--original", self.NETWORK)
        for _ in range(KILLS // 4):
            process = subprocess.Popen([os.path.join(BIN, "nestor-weights"), "pull", self.NETWORK],
                                       env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(dice.uniform(0, 0.5))
            process.kill()
            process.communicate()
            self.weights(0, "verify")
            for name in os.listdir(self.cached("models")):
                os.remove(self.cached("models", name))
        self.weights(0, "pull", self.NETWORK)
        self.weights(0, "verify")
        self.assert_tidy(os.path.basename(self.weights(0, "path", "--original", self.NETWORK).stdout.decode().strip()))

    def test_weights_that_do_not_fit_the_network(self):
        self.list(Weights("own/thing", "resnest26", self.file, "sha256", sha256(DATA)[:8], self.file))
        self.serve(whole(DATA))
        self.expect(BAD_MODEL, "nestor-classify", "--network", "resnest26", "--pretrained", CAT, env=self.env)
        self.assertEqual(os.listdir(self.cached("models")), [])

    def test_errors(self):
        def says(code, *arguments):
            done = self.expect(code, "nestor-classify", *arguments, env=self.env)
            return lambda *parts: self.assert_says(done, *parts)
        says(USAGE, CAT)("--pretrained", "--weights")
        says(USAGE, "--pretrained", CAT)("--network")
        says(USAGE, "--network", self.NETWORK, "--pretrained", "--weights", model(), CAT)("--weights")
        says(USAGE, "--network", self.NETWORK, "--pretrained", "nonsense", CAT)("nonsense", "gluoncv", "in1k")
        says(USAGE, "--network", self.NETWORK, "--pretrained", "deadbeef", CAT)("deadbeef")
        says(USAGE, "--network", "vgg", "--pretrained", CAT)("vgg")
        says(FAILED, "--network", self.NETWORK, "--pretrained", "--offline", CAT)("--offline", "demo.sh")
        self.list(Weights("own/thing", "thing", self.file, "sha256", sha256(DATA)[:8], self.file))
        says(UNSUPPORTED, "--network", "thing", "--pretrained", CAT)("thing")


if __name__ == "__main__":
    unittest.main()
