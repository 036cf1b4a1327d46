/// Who waits for a page of one kind shares it with all who wait for the same: at most one is being
/// made and one is to be made next, however many ask. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace portoser::api {

class PageDesk {
 public:
  using Page = std::shared_ptr<const std::string>;

  /// One request that waits; made when it comes.
  class Place {
   public:
    explicit Place(std::shared_ptr<PageDesk> desk) : desk_(std::move(desk)) {
      const std::lock_guard lock{desk_->mutex_};
      ++desk_->waiting_;
      begun_before_ = desk_->begun_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      Page unused;  // freed without the lock
      const std::lock_guard lock{desk_->mutex_};
      if (--desk_->waiting_ == 0) unused.swap(desk_->newest_);
    }

    /// The newest page, when it was begun after the request came: an older one may lack what the
    /// client has just done. Else a new one. Of one desk by one thread at a time.
    template <class Make>
    Page take(Make make) {
      {
        const std::lock_guard lock{desk_->mutex_};
        if (desk_->newest_ && desk_->begun_ > begun_before_) return desk_->newest_;
        desk_->newest_.reset();
        ++desk_->begun_;
      }
      Page made = make();
      const std::lock_guard lock{desk_->mutex_};
      desk_->newest_ = made;
      return made;
    }

   private:
    std::shared_ptr<PageDesk> desk_;
    std::uint64_t begun_before_ = 0;
  };

 private:
  std::mutex mutex_;
  std::size_t waiting_ = 0;  ///< places
  std::uint64_t begun_ = 0;  ///< pages, since the start
  Page newest_;              ///< null once nobody waits
};

}  // namespace portoser::api
