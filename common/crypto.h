/// Hashes and signatures by OpenSSL. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace portoser {

std::string sha256(std::string_view data);  ///< 32 raw bytes
/// Of what does not fit into memory. One thread at a time.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void add(std::string_view data);
  std::string finish();  ///< 32 raw bytes; once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hmac_sha256(std::string_view key, std::string_view data);  ///< 32 raw bytes
/// Compares in a time that does not depend on where the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace portoser
