#include "weights_convert/readers/harmless_globals.h"

#include <algorithm>
#include <iterator>

namespace nestor {

namespace {

struct Names {
  std::string_view module;
  std::string_view names;  // with spaces around each
};

constexpr Names kHarmless[] = {
    {"argparse", " Namespace "},
    {"types", " SimpleNamespace "},
    {"collections", " Counter defaultdict deque ChainMap UserDict UserList "},
    {"pathlib", " Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath "},
    {"pathlib._local", " Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath "},
    {"datetime", " date datetime time timedelta timezone "},
    {"zoneinfo", " ZoneInfo ZoneInfo._unpickle "},
    {"decimal", " Decimal "},
    {"fractions", " Fraction "},
    {"uuid", " UUID SafeUUID "},
    // `object`, `list` and their like are arguments of the calls that rebuild others.
    {"builtins",
     " set frozenset complex slice range bytearray bytes object list dict tuple int float bool "
     "str "},
    {"__builtin__",
     " set frozenset complex slice xrange bytearray bytes object list dict tuple int long float "
     "bool str unicode "},
    {"copy_reg", " _reconstructor __newobj__ "},
    {"copyreg", " _reconstructor __newobj__ "},
    {"_codecs", " encode "},  // bytes, as protocol 2 has them
    {"numpy", " dtype ndarray bool_ generic "},
    {"numpy.core.multiarray", " scalar _reconstruct "},
    {"numpy._core.multiarray", " scalar _reconstruct "},
    {"numpy.core.numeric", " _frombuffer "},
    {"numpy._core.numeric", " _frombuffer "},
    {"numpy.random._pickle", " __randomstate_ctor __generator_ctor __bit_generator_ctor "},
    {"numpy.random._mt19937", " MT19937 "},
    {"numpy.random._pcg64", " PCG64 "},
    {"numpy.random._generator", " Generator "},
    {"numpy.random.bit_generator", " SeedSequence BitGenerator __pyx_unpickle_SeedSequence "},
    {"torch",
     " device dtype layout memory_format Tensor Generator "
     "float16 half float32 float float64 double bfloat16 complex32 complex64 complex128 cfloat "
     "cdouble uint8 int8 int16 short int32 int int64 long uint16 uint32 uint64 bool "
     "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz qint8 quint8 qint32 strided "
     "contiguous_format preserve_format channels_last "},
    {"torch.torch_version", " TorchVersion "},
    {"torch.serialization", " _get_layout "},
    {"torch.nn.parameter", " Parameter Buffer "},
    {"torch._utils", " _rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor "},
};

}  // namespace

bool is_harmless_global(std::string_view module_and_name) {
  const std::size_t space = module_and_name.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view module = module_and_name.substr(0, space);
  const std::string_view name = module_and_name.substr(space + 1);
  if (name.empty() || name.find(' ') != std::string_view::npos) return false;
  return std::ranges::any_of(kHarmless, [&](const Names& row) {
    const std::size_t found = row.module == module ? row.names.find(name) : std::string_view::npos;
    if (found == std::string_view::npos) return false;
    // A name of the list may be the end of another one: look for it with its spaces.
    for (std::size_t at = found; at != std::string_view::npos; at = row.names.find(name, at + 1)) {
      if (row.names[at - 1] == ' ' && row.names[at + name.size()] == ' ') return true;
    }
    return false;
  });
}

}  // namespace nestor
