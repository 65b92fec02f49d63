"""Rules of kernels/README.md that a reader of the sources can check; parts of resources.py and hot_kernels.py."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kernels"))
import hot_kernels  # noqa: E402
import resources  # noqa: E402
import tile_cycles  # noqa: E402
from sass_model.whole_tile import Parts  # noqa: E402


def kernel_files():
    files = [*ROOT.glob("kernels/**/*.cu"), *ROOT.glob("kernels/**/*.cuh")]
    files = [path for path in files if path.parent.name not in ("device", "runtime")]
    return files + [*ROOT.glob("tests/simt/kernels/*.cu"), *ROOT.glob("tests/simt/faults/*.cu")]


def code_of(path):
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


class Sources(unittest.TestCase):
    FORBIDDEN = {
        "inline PTX": r"\basm\b",
        "<<<>>>": r"<<<",
        "__shared__": r"\b__shared__\b",
        "questions to the compiler": r"__CUDA_ARCH__|__CUDACC__|NESTOR_SIMT|NESTOR_SM\b",
        "shuffles and votes with a mask": r"__(shfl|ballot|any|all|match)\w*_sync|__syncwarp|__activemask",
        "barriers that count": r"__syncthreads_\w+",
        "threads of a second dimension": r"(threadIdx|blockDim)\.[yz]",
        "includes from elsewhere": r'#include\s+(<cuda|<mma|<cooperative|"engine/|"emulator/)',
    }

    def test_kernel_files_keep_the_portability_contract(self):
        files = kernel_files()
        self.assertGreater(len(files), 2)
        for path in files:
            for what, pattern in self.FORBIDDEN.items():
                with self.subTest(file=path.name, forbidden=what):
                    self.assertIsNone(re.search(pattern, code_of(path)))

    def test_launcher_headers_are_plain_cpp(self):
        for path in [*ROOT.glob("kernels/**/*.h"), *ROOT.glob("tests/simt/kernels/*.h")]:
            with self.subTest(file=path.name):
                self.assertIsNone(re.search(r"\.cuh\"|<cuda|__device__|__global__ void [^s]", code_of(path)))

    def test_every_kernel_has_launch_bounds(self):
        for path in kernel_files():
            code = code_of(path)
            with self.subTest(file=path.name):
                self.assertEqual(
                    len(re.findall(r"\b__global__\b", code)), len(re.findall(r"__launch_bounds__", code))
                )


class Resources(unittest.TestCase):
    def test_blocks_that_fit(self):
        fit = resources.blocks_that_fit
        self.assertEqual(fit("70", 128, 240, 32768), 2)  # registers
        self.assertEqual(fit("70", 128, 128, 49152), 2)  # shared memory
        self.assertEqual(fit("70", 256, 32, 0), 8)  # warps
        self.assertEqual(fit("70", 32, 16, 0), 32)  # blocks
        self.assertEqual(fit("80", 128, 64, 81920), 2)
        self.assertEqual(fit("80", 128, 64, 83000), 1)  # the system keeps 1 KiB of each
        self.assertEqual(fit("86", 1024, 32, 0), 1)

    def test_ptxas_output(self):
        text = """ptxas info    : Compiling entry function '_Z1kv' for 'sm_70'
ptxas info    : Function properties for _Z1kv
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, 512 bytes smem, 384 bytes cmem[0]
"""
        self.assertEqual(resources.from_ptxas(text), {"_Z1kv": (40, 20, 512)})

    def test_ptx(self):
        text = """.visible .entry _Z1kv(
)
.maxntid 128, 1, 1
{
	// block_smem 4096
}
"""
        self.assertEqual(resources.from_ptx(text), {"_Z1kv": (128, 4096)})

    def test_instruction_mix(self):
        text = """		Function : _Z1kv
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/              @!P0 LDS.U.128 R4, [R2] ;
        /*0020*/                   HMMA.884.F32.F32.STEP0 R8, R4.reuse.ROW, R4.COL, R8 ;
        /*0030*/               @P1 LDGSTS.E.BYPASS.128.ZFILL [R2], [R4.64] ;
        /*0040*/                   EXIT ;
        /*0050*/                   NOP;
"""
        mix = resources.instruction_mix(text)["_Z1kv"]
        self.assertEqual(mix, {"other": 1, "lds": 1, "tensor": 1, "async": 1, "branch": 1})

    def test_short_names(self):
        name = "void nestor::(anonymous namespace)::conv_kernel<nestor::Tile<(int)128>>(nestor::Args)"
        self.assertEqual(resources.short_name(name), "conv_kernel<Tile<128>>")


class HotKernels(unittest.TestCase):
    def test_files_are_hot_unless_they_say_why_not(self):
        names = {path.name for path in hot_kernels.hot_files()}
        self.assertLessEqual({"pooling.cu", "split_attention.cu", "dense.cu"}, names)
        self.assertFalse({"relu.cu", "layout.cu", "top_k.cu", "cuda_runtime.cu"} & names)

    def test_kernels_are_named_by_their_tiles(self):
        tiles = ["convolution_sm70_128x128", "convolution_sm70_64x64"]
        names = {
            ("convolution", "convolution_sm70_kernel<1>"): "convolution_sm70_64x64",
            ("convolution", "convolution_sm70_kernel<0, Half>"): "convolution_sm70_128x128 Half",
            ("convolution", "fused_sm70_kernel<1, 2>"): "fused_sm70 convolution_sm70_64x64 2",
            ("pooling", "pooling_kernel<0, Half>"): "pooling<0, Half>",
        }
        for (folder, kernel), name in names.items():
            row = {"file": f"kernels/{folder}/some.cu", "kernel": kernel}
            self.assertEqual(hot_kernels.name_of(row, tiles), name)

    def test_the_table_of_tiles_is_found(self):
        tiles = tile_cycles.tiles()
        self.assertEqual(tiles[0], tile_cycles.Tile("convolution_sm70_128x128", 128, 128, False, 32))
        self.assertEqual(tiles[-1], tile_cycles.Tile("convolution_fma_64x64", 64, 64, False, 16))
        self.assertEqual(len(tiles), len({tile.name for tile in tiles}))
        halo = {tile.name for tile in tiles if tile.halo}
        self.assertEqual(halo, {tile.name for tile in tiles if tile.name.endswith("_halo")})

    def test_fused_tiles_are_named_by_their_rows(self):
        name = tile_cycles.fused_name("sm70", "convolution_sm70_128x256", "attention", "plain")
        self.assertEqual(name, "fused_sm70_128x256_attention_shortcut")
        name = tile_cycles.fused_name("sm80", "convolution_sm80_64x128", "attention+avd", "none")
        self.assertEqual(name, "fused_sm80_64x128_attention_pool")

    def test_tiles_lines_and_shares(self):
        part = Parts(100, 700, 200, tensor=300)
        line = tile_cycles.Line(fixed=100, slice=90, pooled=100)
        found = tile_cycles.Cycles(2, line, line, True, ((5, part, part), (10, part, part)))
        self.assertAlmostEqual(found.tensor_share(10), 300 / 1100)
        self.assertAlmostEqual(found.tensor_share(20), 600 / 2000)
        source = hot_kernels.cycles_source({("70", "some_tile"): found}, "nvcc 1, 2000-01-01")
        numbers = "{  100,    90,     0,   100,     0}"
        self.assertRegex(source, rf'{{"sm_70", +"some_tile", +2, {numbers}, {numbers}}},')
        self.assertIn("nvcc 1, 2000-01-01.", source)

    def test_argument_bytes(self):
        text = ".visible .entry k(\n\t.param .align 8 .b8 k_param_0[264]\n)\n"
        self.assertEqual(resources.argument_bytes(text), {"k": 264})


if __name__ == "__main__":
    unittest.main()
