#include "common/crypto.h"

#include "common/error.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace portoser {
namespace {

unsigned char* as_unsigned(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string digest(32, '\0');
  if (EVP_Digest(data.data(), data.size(), as_unsigned(digest), nullptr, EVP_sha256(), nullptr) !=
      1) {
    throw Error{Code::internal, "OpenSSL could not compute a SHA-256"};
  }
  return digest;
}

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr ||
      EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    throw Error{Code::internal, "OpenSSL could not begin a SHA-256"};
  }
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view data) {
  if (EVP_DigestUpdate(state_->context, data.data(), data.size()) != 1) {
    throw Error{Code::internal, "OpenSSL could not compute a SHA-256"};
  }
}

std::string Sha256::finish() {
  std::string digest(32, '\0');
  if (EVP_DigestFinal_ex(state_->context, as_unsigned(digest), nullptr) != 1) {
    throw Error{Code::internal, "OpenSSL could not compute a SHA-256"};
  }
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string digest(32, '\0');
  unsigned length = 0;
  if (HMAC(EVP_sha256(),
           key.data(),
           static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()),
           data.size(),
           as_unsigned(digest),
           &length) == nullptr) {
    throw Error{Code::internal, "OpenSSL could not compute an HMAC"};
  }
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace portoser
