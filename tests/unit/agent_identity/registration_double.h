/// The joining listener of a controller as one program on loopback sees it: answers each request
/// with what it was told to, and keeps what came. Knows only what libcurl sends: a head, a body
/// with Content-Length.
#pragma once

#include "common/file.h"

#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

class RegistrationDouble {
 public:
  struct Request {
    std::string head;
    std::string body;
  };

  RegistrationDouble();
  RegistrationDouble(const RegistrationDouble&) = delete;
  RegistrationDouble& operator=(const RegistrationDouble&) = delete;
  ~RegistrationDouble();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void answer_with(int status, std::string body);
  [[nodiscard]] std::vector<Request> requests() const;

 private:
  void serve();
  void serve_one(int connection);

  Descriptor listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  int status_ = 201;
  std::string body_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace portoser::test
