#include "controller/http/peers.h"

namespace portoser::http {

void Peers::add(const std::shared_ptr<Peer>& peer) {
  const std::lock_guard lock{mutex_};
  peers_[peer.get()] = peer;
}

void Peers::remove(const Peer* peer) {
  const std::lock_guard lock{mutex_};
  peers_.erase(peer);
}

std::size_t Peers::size() const {
  const std::lock_guard lock{mutex_};
  return peers_.size();
}

std::vector<std::shared_ptr<Peer>> Peers::all() const {
  std::vector<std::shared_ptr<Peer>> list;
  const std::lock_guard lock{mutex_};
  list.reserve(peers_.size());
  for (const auto& [key, peer] : peers_) {
    if (auto alive = peer.lock()) list.push_back(std::move(alive));
  }
  return list;
}

bool SocketCount::take(const std::string& user) {
  const std::lock_guard lock{mutex_};
  if (total_ >= limit_) return false;
  auto& count = by_user_[user];
  if (limit_per_user_ > 0 && count >= limit_per_user_) return false;
  ++count;
  ++total_;
  return true;
}

void SocketCount::give_back(const std::string& user) {
  const std::lock_guard lock{mutex_};
  --total_;
  const auto entry = by_user_.find(user);
  if (entry != by_user_.end() && --entry->second == 0) by_user_.erase(entry);
}

}  // namespace portoser::http
