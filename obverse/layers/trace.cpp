#include "obverse/layers/trace.h"

namespace obverse {

thread_local Trace* Trace::current_ = nullptr;

Trace::Trace() : outer_(current_) { current_ = this; }
Trace::~Trace() { current_ = outer_; }

}  // namespace obverse
