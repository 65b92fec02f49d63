#include "engine/digest.h"

#include <openssl/evp.h>

#include <array>

#include "engine/check.h"

namespace nestor {

namespace {

std::string digest_hex(const EVP_MD* algorithm, std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  const int ok = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, algorithm, nullptr);
  CHECK(ok == 1, "libcrypto cannot hash {} bytes", bytes.size());
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace

std::string sha256_hex(std::span<const std::byte> bytes) { return digest_hex(EVP_sha256(), bytes); }
std::string sha1_hex(std::span<const std::byte> bytes) { return digest_hex(EVP_sha1(), bytes); }

}  // namespace nestor
