"""The installed package, as projects outside the tree use it: find_package and pkg-config, C++ and C."""
import os
import shutil
import subprocess
import sys

from support import BIN, CAT, ROOT, CommandTest, model

BUILD = os.path.dirname(BIN)


class Embedding(CommandTest):
    def must(self, *line, env=None):
        done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=600)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def setUp(self):
        super().setUp()
        self.prefix = self.path("prefix")
        self.must("cmake", "--install", BUILD, "--prefix", self.prefix)
        # Away from the tree, so that nothing of it can be found by accident.
        self.project = self.path("project")
        shutil.copytree(os.path.join(ROOT, "tests", "embedding"), self.project)

    def check_programs(self, *programs):
        lines = [program if isinstance(program, list) else [program] for program in programs]
        outputs = [self.must(*line, model(), CAT) for line in lines]
        for output in outputs:
            lines = output.splitlines()
            self.assertEqual(len(lines), 4, output)
            self.assertEqual(lines[3], "layer1 [1, 256, 16, 16]")
        classes = [[line.split()[0] for line in output.splitlines()[:3]] for output in outputs]
        self.assertTrue(all(c == classes[0] for c in classes))

    def check_segmenter(self, program):
        weights = model("deeplab_resnest_mini")
        out = self.must(program, weights, CAT, self.path("map"))
        self.must(os.path.join(BIN, "nestor-segment"), "--weights", weights, "--device", "cpu", "--format", "raw",
                  "--output", self.path("maps"), CAT)
        with open(self.path("map"), "rb") as got, open(self.path("maps", "cat.raw"), "rb") as expected:
            classes = got.read()
            self.assertEqual(classes, expected.read())
        width, height = (int(out.split()[idx]) for idx in (0, 2))
        self.assertEqual(len(classes), width * height)

    def test_find_package(self):
        self.must("cmake", "-G", "Ninja", "-S", self.project, "-B", self.path("build"),
                  "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.must("cmake", "--build", self.path("build"))
        python = [sys.executable, os.path.join(self.project, "classify.py"), os.path.join(self.prefix, "lib", "libnestor.so")]
        self.check_programs(self.path("build", "classify_cpp"), self.path("build", "classify_c"), python)
        self.check_segmenter(self.path("build", "segment_c"))

    def test_pkg_config(self):
        libdir = os.path.join(self.prefix, "lib")
        env = {"PKG_CONFIG_PATH": os.path.join(libdir, "pkgconfig")}
        flags = self.must("pkg-config", "--cflags", "--libs", "nestor", env=env).split()
        for compiler, source in ((("g++", "-std=c++20"), "classify.cpp"), (("gcc", "-std=c99"), "classify.c")):
            self.must(*compiler, "-Wall", "-Wextra", "-Werror", os.path.join(self.project, source), "-o", self.path(source + ".out"), *flags,
                      f"-Wl,-rpath,{libdir}")
        self.check_programs(self.path("classify.cpp.out"), self.path("classify.c.out"))

    def test_headers_are_those_of_the_tree(self):
        installed = os.path.join(self.prefix, "include", "nestor")
        tree = os.path.join(ROOT, "library", "nestor")
        self.assertEqual(sorted(os.listdir(installed)), sorted(os.listdir(tree)))
        self.must("diff", "-r", installed, tree)

    def test_each_header_stands_alone(self):
        for header in sorted(os.listdir(os.path.join(self.prefix, "include", "nestor"))):
            source = self.path("one.cpp")
            with open(source, "w") as f:
                f.write(f"#include <nestor/{header}>\n")
            self.must("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{self.prefix}/include", source)

    def test_exported_symbols(self):
        library = os.path.join(self.prefix, "lib", "libnestor.so")
        out = self.must("nm", "--dynamic", "--defined-only", "--demangle", "--format=posix", library)
        # "name T address size": names have blanks; the version's own row is kind A.
        rows = [line.rsplit(" ", 3) if line.count(" ") >= 3 else line.split(" ") for line in out.splitlines()]
        names = sorted({row[0].replace("@@NESTOR_0.1", "") for row in rows if row[1] != "A"})
        with open(os.path.join(ROOT, "library", "exported_symbols.txt")) as f:
            expected = f.read().splitlines()
        if names != expected:
            self.fail("library/exported_symbols.txt should be:\n" + "\n".join(names))

    def test_library_is_found_by_its_minor_version(self):
        out = self.must("readelf", "--dynamic", os.path.join(self.prefix, "lib", "libnestor.so"))
        self.assertIn("Library soname: [libnestor.so.0.1]", out)

    def test_installed_commands_run(self):
        out = self.must(os.path.join(self.prefix, "bin", "nestor-classify"), "--version")
        self.assertIn("oneDNN", out)

    def test_bad_model_is_a_status_not_a_crash(self):
        self.must("cmake", "-G", "Ninja", "-S", self.project, "-B", self.path("build"), f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.must("cmake", "--build", self.path("build"))
        for program in ("classify_cpp", "classify_c"):
            done = subprocess.run([self.path("build", program), CAT, CAT], capture_output=True, text=True)
            self.assertEqual(done.returncode, 4)
            self.assertIn("bad_model: ", done.stderr)
            self.assertIn("cat.jpg", done.stderr)
