#ifndef NESTOR_NESTOR_C_H
#define NESTOR_NESTOR_C_H
/* The C interface of Nestor (nestor.h has the same in C++).
 *
 * No function throws, aborts or prints. Those that can fail return a nestor_status;
 * nestor_last_error() then has the message of this thread's last failure. A model is immutable and
 * may be used by any number of threads; a session belongs to one thread at a time and keeps its
 * model alive. Text is UTF-8 and stays valid as long as the object that it was asked of. */

#include <stddef.h>
#include <stdint.h>

#include "nestor/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nestor_status {
  NESTOR_OK = 0,
  NESTOR_INTERNAL = 1,
  NESTOR_USAGE = 2,
  NESTOR_BAD_INPUT = 3,
  NESTOR_BAD_MODEL = 4,
  NESTOR_UNSUPPORTED = 5,
  NESTOR_OUT_OF_MEMORY = 6,
  NESTOR_DEVICE_LOST = 7
} nestor_status;

typedef struct nestor_model nestor_model;
typedef struct nestor_session nestor_session;

typedef struct nestor_prediction {
  int32_t class_id;
  float probability;
  const char* label; /* empty where the model has none */
} nestor_prediction;

typedef struct nestor_tensor {
  const char* name;  /* valid until the session's next run */
  const float* data; /* likewise; C order */
  int32_t rank;
  int64_t shape[4]; /* the first `rank` are used */
} nestor_tensor;

/* "0.1.0" */
NESTOR_API const char* nestor_version(void);

/* "bad_input", ... */
NESTOR_API const char* nestor_status_name(nestor_status status);

/* The message of the last call of this thread that failed; valid until its next failing call. */
NESTOR_API const char* nestor_last_error(void);

/* Loads a weight file that nestor-convert wrote. device: "auto", "cpu", "cuda", "cuda:1"; NULL is
   "auto". */
NESTOR_API nestor_status nestor_model_load(const char* weights, const char* device,
                                           nestor_model** model);

/* Sessions of the model go on working. NULL is allowed. */
NESTOR_API void nestor_model_free(nestor_model* model);

NESTOR_API const char* nestor_model_network(const nestor_model* model);
NESTOR_API int32_t nestor_model_num_classes(const nestor_model* model);

/* 1 where the weights are made up and every answer is meaningless. */
NESTOR_API int32_t nestor_model_is_synthetic(const nestor_model* model);

/* The class's name; empty where the model has none; NULL for a class that does not exist. */
NESTOR_API const char* nestor_model_label(const nestor_model* model, int32_t class_id);

/* Pixels a side of the images that nestor_classify_* gives to the network. */
NESTOR_API int32_t nestor_model_input_size(const nestor_model* model);

/* precision: "fp32", "fp16" (GPUs), "bf16" (CPUs); NULL is "fp16" on a GPU, "fp32" on a CPU.
   threads: 0 for as many as the process may use. */
NESTOR_API nestor_status nestor_session_create(const nestor_model* model, const char* precision,
                                               int32_t threads, nestor_session** session);

/* More options; begin with NESTOR_SESSION_OPTIONS_INIT, so that later versions know which you have.
 */
typedef struct nestor_session_options {
  size_t size;           /* of this struct */
  const char* precision; /* as above */
  int32_t threads;       /* as above */
  int32_t deterministic; /* not 0: an image's result is the same in any batch, to the bit */
  const char* tuning;    /* a file of `nestor-inspect MODEL --tune`; NULL: none */
} nestor_session_options;
#define NESTOR_SESSION_OPTIONS_INIT \
  { sizeof(nestor_session_options), NULL, 0, 0, NULL }

NESTOR_API nestor_status nestor_session_create_with(const nestor_model* model,
                                                    const nestor_session_options* options,
                                                    nestor_session** session);

/* Why the tuning file was ignored, NULL where it was not. One that asks for the impossible shows
 * after the first run. Valid until the session's next call. */
NESTOR_API const char* nestor_session_warning(const nestor_session* session);

/* What is pending is waited for. NULL is allowed. */
NESTOR_API void nestor_session_free(nestor_session* session);

/* Classifies one image: decoded, resized, cropped and normalised as the model's weights demand.
 * predictions has room for *count of them; *count becomes the number written. */
NESTOR_API nestor_status nestor_classify_file(nestor_session* session, const char* path,
                                              nestor_prediction* predictions, int32_t* count);

/* The same for pixels: 8-bit RGB, rows from the top, no padding, height * width * 3 bytes. */
NESTOR_API nestor_status nestor_classify_rgb(nestor_session* session, const uint8_t* rgb,
                                             int32_t width, int32_t height,
                                             nestor_prediction* predictions, int32_t* count);

/* Runs the network on a normalised float32 input [shape[0], 3, shape[2], shape[3]] in C order.
 * taps: names of intermediate tensors that are wanted too ("layer1"), num_taps of them. */
NESTOR_API nestor_status nestor_session_run(nestor_session* session, const float* input,
                                            const int64_t shape[4], const char* const* taps,
                                            int32_t num_taps);

/* What the last run computed: the network's outputs ("logits"), then the taps, each name once. */
NESTOR_API int32_t nestor_session_num_outputs(const nestor_session* session);
NESTOR_API nestor_status nestor_session_output(const nestor_session* session, int32_t idx,
                                               nestor_tensor* output);

/* Several batches at a time: on a GPU the next one is copied while another is computed. submit
 * begins a run of nestor_session_run and waits for nothing (the first time for plan and memory);
 * the input may change when it returns. collect waits for the oldest pending batch, whose outputs
 * nestor_session_output then gives until the next submit, collect, run or enqueue. At most
 * nestor_session_num_slots batches can be pending (2 on a GPU, 1 on a CPU, where submit computes);
 * while some are, all other runs are NESTOR_USAGE. A batch whose submit or collect fails is not
 * pending any more. */
NESTOR_API nestor_status nestor_session_submit(nestor_session* session, const float* input,
                                               const int64_t shape[4], const char* const* taps,
                                               int32_t num_taps);
NESTOR_API nestor_status nestor_session_collect(nestor_session* session);
NESTOR_API int32_t nestor_session_num_slots(const nestor_session* session);
NESTOR_API int32_t nestor_session_num_pending(const nestor_session* session);

/* Device memory of the caller's, with room for `bytes`. */
typedef struct nestor_device_buffer {
  void* data;
  size_t bytes;
} nestor_device_buffer;

/* Runs the network on `stream`, a cudaStream_t of the model's device (not the default stream, and
 * not capturing), from input in device memory into outputs in device memory, all float32 in C
 * order: the network's outputs, then the taps, in the order of nestor_session_run. Asynchronous:
 * the run comes behind what the stream was given before, and ahead of what it is given afterwards;
 * input and outputs must live until the stream has got there. Only the first run of a shape waits.
 * Runs of one session follow one another, whatever their streams. NESTOR_UNSUPPORTED on a CPU. */
NESTOR_API nestor_status nestor_session_enqueue(nestor_session* session, const float* device_input,
                                                const int64_t shape[4], const char* const* taps,
                                                int32_t num_taps,
                                                const nestor_device_buffer* outputs,
                                                int32_t num_outputs, void* stream);

#ifdef __cplusplus
}
#endif

#endif
