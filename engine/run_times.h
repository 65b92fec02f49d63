#pragma once
// Times of a run's parts.

namespace nestor {

// Of runs one behind the other, by a GPU's own clock where the device is one. The parts are those
// of one run, on average.
struct RunTimes {
  double upload_ms = 0;    // the input's way to the device's memory
  double compute_ms = 0;   // the steps
  double download_ms = 0;  // the outputs' way back
  double enqueue_ms = 0;   // in which the host gives the steps to the device; 0: it computes them
  double total_ms = 0;     // of all runs by the host's clock, to the outputs in its memory
};

}  // namespace nestor
