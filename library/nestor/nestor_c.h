#ifndef NESTOR_NESTOR_C_H
#define NESTOR_NESTOR_C_H
/* The C interface of Nestor (nestor.h has the same in C++).
 *
 *   nestor_model* model;
 *   nestor_session* session;
 *   nestor_image photo = NESTOR_IMAGE_INIT;
 *   nestor_prediction top[5] = {NESTOR_PREDICTION_INIT};
 *   photo.path = "cat.jpg";
 *   if (nestor_model_load("resnest50.safetensors", NULL, &model) != NESTOR_OK ||
 *       nestor_session_create(model, NULL, &session) != NESTOR_OK ||
 *       nestor_classify(session, &photo, 1, 5, top, NULL) != NESTOR_OK) {
 *     puts(nestor_last_error());
 *   }
 *
 * No function throws, aborts or prints. Functions that can fail return a nestor_status;
 * nestor_last_error() then has the message of this thread's last failure. NULL for an object is
 * NESTOR_USAGE. A model is immutable and may be used by any number of threads; a session
 * belongs to one thread at a time and keeps its model alive. Text is UTF-8 and stays valid as long
 * as the object that it was asked of, unless said otherwise.
 *
 * A struct begins with its size, which its INIT macro sets: a library of the same
 * NESTOR_API_VERSION takes the structs of older headers, and those of newer ones if the members that
 * it does not know are zero. Of an array of structs that is written to, the first one's size is
 * that of all. library/README.md in the sources says what else stays compatible. */

#include <stddef.h>
#include <stdint.h>

#include "nestor/export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NESTOR_API_VERSION 1
#define NESTOR_MAX_RANK 8

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

/* Element types of tensors: the values of nestor_tensor.dtype. */
enum {
  NESTOR_FLOAT32 = 0,
  NESTOR_FLOAT16 = 1,
  NESTOR_BFLOAT16 = 2,
  NESTOR_INT32 = 3,
  NESTOR_INT64 = 4,
  NESTOR_UINT8 = 5
};

typedef struct nestor_model nestor_model;
typedef struct nestor_session nestor_session;

/* --- the library ------------------------------------------------------------------------------ */

/* "0.1.0" */
NESTOR_API const char* nestor_version(void);

/* The NESTOR_API_VERSION that the library was compiled with: programs of another one must not go
 * on. */
NESTOR_API int32_t nestor_api_version(void);

/* "bad_input", ... */
NESTOR_API const char* nestor_status_name(nestor_status status);

/* The message of the last call of this thread that failed; valid until its next failing call. */
NESTOR_API const char* nestor_last_error(void);

enum { NESTOR_LOG_INFO = 0, NESTOR_LOG_WARNING = 1 };

/* Receives the library's messages, on the thread that has them, possibly on several threads at once.
 * Must not throw. NULL, the default: messages are dropped. */
typedef void (*nestor_log_callback)(int32_t level, const char* message, void* user);
NESTOR_API nestor_status nestor_set_log(nestor_log_callback callback, void* user);

typedef struct nestor_device {
  size_t size;
  uint64_t memory_bytes;
  uint64_t free_bytes;
  int32_t usable;        /* 0: `reason` says why not */
  char name[32];         /* as nestor_model_load takes it: "cpu", "cuda:0" */
  char description[256]; /* "NVIDIA H200" */
  char architecture[32]; /* "sm_90"; of a CPU the instruction set that is used */
  char reason[256];
} nestor_device;
#define NESTOR_DEVICE_INIT \
  { sizeof(nestor_device), 0, 0, 0, "", "", "", "" }

/* Lists the devices, GPUs first. `devices` has room for *count of them; *count becomes the number
 * that there are, of which no more were written than there was room for. Opens each GPU. */
NESTOR_API nestor_status nestor_list_devices(nestor_device* devices, int32_t* count);

/* Writes why "auto" finds no GPU into `text`, which has room for `bytes`; empty if it finds one. */
NESTOR_API nestor_status nestor_why_no_gpu(char* text, size_t bytes);

/* --- models ----------------------------------------------------------------------------------- */

/* Loads a weight file that nestor-convert wrote. device: "auto", "cpu", "cuda", "cuda:1"; NULL is
 * "auto". */
NESTOR_API nestor_status nestor_model_load(const char* weights, const char* device,
                                           nestor_model** model);

/* Which of its detections a detector reports. */
typedef struct nestor_detection_limits {
  size_t size;
  float score_threshold; /* lower scores are left out, and all up to 0.01 */
  float nms_threshold; /* of two boxes of a class that overlap by more (IoU) the better one stays */
  int32_t max_detections; /* the best of an image; 0: all */
} nestor_detection_limits;
#define NESTOR_DETECTION_LIMITS_INIT \
  { sizeof(nestor_detection_limits), 0.5f, 0.5f, 0 }

/* The same for a detector with limits of one's own; NULL for those of NESTOR_DETECTION_LIMITS_INIT. */
NESTOR_API nestor_status nestor_model_load_detector(const char* weights, const char* device,
                                                    const nestor_detection_limits* limits,
                                                    nestor_model** model);

/* Sessions of the model go on working. NULL is allowed. */
NESTOR_API void nestor_model_free(nestor_model* model);

/* How the weights' source prepares images, and nestor_classify does. */
typedef struct nestor_preprocess {
  size_t size;
  const char* contract; /* whose decoder and rounding: "gluoncv", "timm", "resnest" */
  const char* rule;     /* "crop", "short_side_within", "none" */
  int32_t crop_size;    /* of "crop": pixels a side of the network's input */
  int32_t short_side;   /* of "short_side_within" */
  int32_t longest_side;
  double crop_ratio;         /* of "crop": crop_size / short side after resizing */
  const char* interpolation; /* "nearest", "bilinear", "bicubic" */
  float mean[3];             /* (level / 255 - mean) / std, red first */
  float std[3];
} nestor_preprocess;
#define NESTOR_PREPROCESS_INIT                                                      \
  {                                                                                 \
    sizeof(nestor_preprocess), NULL, NULL, 0, 0, 0, 0, NULL, {0, 0, 0}, { 0, 0, 0 } \
  }
NESTOR_API nestor_status nestor_model_preprocess(const nestor_model* model,
                                                 nestor_preprocess* preprocess);

typedef struct nestor_model_info {
  size_t size;
  const char* network; /* "resnest50" */
  const char* task;    /* "classification" */
  const char* source;  /* whose weights: "gluoncv", "timm", "resnest", "synthetic" */
  const char* device;  /* "cpu", "cuda:0" */
  int32_t num_classes;
  int32_t synthetic;    /* 1: the weights are made up and every answer is meaningless */
  int32_t num_tensors;  /* named ones that a session can be asked for */
  int64_t num_features; /* of nestor_embed, for one image */
} nestor_model_info;
#define NESTOR_MODEL_INFO_INIT \
  { sizeof(nestor_model_info), NULL, NULL, NULL, NULL, 0, 0, 0, 0 }
NESTOR_API nestor_status nestor_model_get_info(const nestor_model* model, nestor_model_info* info);

/* The class's name; empty if the model has none. */
NESTOR_API nestor_status nestor_model_label(const nestor_model* model, int32_t class_id,
                                            const char** label);

/* Name `idx` of the num_tensors that taps can be: "avgpool", "layer1", "layer1.0.conv1", ... */
NESTOR_API nestor_status nestor_model_tensor_name(const nestor_model* model, int32_t idx,
                                                  const char** name);

/* --- sessions --------------------------------------------------------------------------------- */

typedef struct nestor_session_options {
  size_t size;
  const char* precision; /* "fp32", "fp16" (GPUs), "bf16" (CPUs); NULL: fp16 on a GPU, else fp32 */
  /* Of a CPU; 0 for as many as the process may use, by its affinity and its control groups' quota of
   * CPU time. With more than one a process that is forked from a thread that has run the session
   * cannot run it: NESTOR_USAGE. */
  int32_t threads;
  int32_t deterministic; /* not 0: an image's result is the same in any batch, to the bit */
  const char* tuning;    /* a file of `nestor-inspect MODEL --tune`; NULL: none */
  int32_t batch_size;    /* most images that nestor_classify runs at once; 0: 16 */
  int32_t num_decoders;  /* threads that decode and prepare images meanwhile; 0: 4 */
  /* Bytes that a plan may need: activations and weights; on a GPU the host's limit is for the outputs.
   * What needs more is refused with NESTOR_OUT_OF_MEMORY before anything runs; 0: no limit. */
  uint64_t host_memory_limit;
  uint64_t device_memory_limit; /* of a GPU */
  /* Bytes that plans of earlier input shapes may be kept with: 8 KB a step, and their outputs; the one
   * in use stays. 0: 64 MiB. */
  uint64_t plan_cache_limit;
} nestor_session_options;
#define NESTOR_SESSION_OPTIONS_INIT \
  { sizeof(nestor_session_options), NULL, 0, 0, NULL, 0, 0, 0, 0, 0 }

/* options: NULL for the defaults. */
NESTOR_API nestor_status nestor_session_create(const nestor_model* model,
                                               const nestor_session_options* options,
                                               nestor_session** session);

/* Waits for pending batches. NULL is allowed. */
NESTOR_API void nestor_session_free(nestor_session* session);

typedef struct nestor_session_info {
  size_t size;
  const char* device;    /* "cpu", "cuda:0" */
  const char* precision; /* "fp32", ... */
  int32_t threads;
  int32_t num_slots;   /* batches that can be pending: 2 on a GPU, 1 on a CPU */
  int32_t num_pending; /* batches that were submitted and not collected */
  /* Why the tuning file was ignored; NULL if it was not. One that asks for the impossible shows
   * after the first run. Valid until the session's next call. */
  const char* warning;
} nestor_session_info;
#define NESTOR_SESSION_INFO_INIT \
  { sizeof(nestor_session_info), NULL, NULL, 0, 0, 0, NULL }
NESTOR_API nestor_status nestor_session_get_info(const nestor_session* session,
                                                 nestor_session_info* info);

/* --- images to answers ------------------------------------------------------------------------ */

/* An image in one of three forms; the other members are zero. */
typedef struct nestor_image {
  size_t size;
  const char* path;   /* a file: JPEG, PNG, BMP, TGA, PNM or GIF */
  const void* bytes;  /* such a file in memory, */
  size_t num_bytes;   /*   of this many bytes */
  const uint8_t* rgb; /* pixels: 8-bit RGB, rows from the top, no padding, */
  int32_t width;      /*   height * width * 3 bytes */
  int32_t height;
} nestor_image;
#define NESTOR_IMAGE_INIT \
  { sizeof(nestor_image), NULL, NULL, 0, NULL, 0, 0 }

typedef struct nestor_prediction {
  size_t size;
  int32_t class_id; /* -1: none, of an image that failed or beyond the last class */
  float probability;
  const char* label; /* empty if the model has none; valid as long as the session */
} nestor_prediction;
#define NESTOR_PREDICTION_INIT \
  { sizeof(nestor_prediction), -1, 0, NULL }

/* The result of one image. */
typedef struct nestor_image_result {
  size_t size;
  nestor_status status;
  const char* message; /* empty if it succeeded; valid until the session's next call */
} nestor_image_result;
#define NESTOR_IMAGE_RESULT_INIT \
  { sizeof(nestor_image_result), NESTOR_OK, NULL }

/* Classifies images: each is decoded, resized, cropped and normalised as the model's weights demand,
 * by several threads, while others run in batches. predictions has room for num_images * top_k: the
 * most probable classes of the first image, best first, then those of the second, ... An image that
 * cannot be used does not stop the others: its result says why, and the call returns the first such
 * status when all are done. results: room for num_images, or NULL. */
NESTOR_API nestor_status nestor_classify(nestor_session* session, const nestor_image* images,
                                         int32_t num_images, int32_t top_k,
                                         nestor_prediction* predictions,
                                         nestor_image_result* results);

/* Computes the pooled features of images, [num_images, num_features of the model], float32 in C
 * order: those of an image that failed are zero. `features` has room for num_floats. */
NESTOR_API nestor_status nestor_embed(nestor_session* session, const nestor_image* images,
                                      int32_t num_images, float* features, size_t num_floats,
                                      nestor_image_result* results);

typedef struct nestor_detection {
  size_t size;
  int32_t class_id; /* -1: none, of an image that failed or beyond the last detection */
  float score;
  float x1; /* left, top, right, bottom in pixels of the image that was given; */
  float y1; /*   objects may reach beyond the image */
  float x2;
  float y2;
  const char* label; /* empty if the model has none; valid as long as the session */
} nestor_detection;
#define NESTOR_DETECTION_INIT \
  { sizeof(nestor_detection), -1, 0, 0, 0, 0, 0, NULL }

/* Detects objects: images are prepared and run as by nestor_classify. detections has room for
 * num_images * max_detections: those of the first image, the highest score first, then those of the
 * second, ... counts, with room for num_images, or NULL: how many were found in each image, of which
 * no more than max_detections were written. What the network finds was limited when the model was
 * loaded. */
NESTOR_API nestor_status nestor_detect(nestor_session* session, const nestor_image* images,
                                       int32_t num_images, int32_t max_detections,
                                       nestor_detection* detections, int32_t* counts,
                                       nestor_image_result* results);

/* A class for each pixel of an image. */
typedef struct nestor_class_map {
  size_t size;
  int32_t width; /* of the image that was given; 0, of an image that failed */
  int32_t height;
  const uint8_t* classes; /* [height][width]; NULL if it failed; valid until the next call */
} nestor_class_map;
#define NESTOR_CLASS_MAP_INIT \
  { sizeof(nestor_class_map), 0, 0, NULL }

/* Segments images in their own sizes, those of one size in batches. maps: room for num_images. The
 * session owns the pixels of class maps. */
NESTOR_API nestor_status nestor_segment(nestor_session* session, const nestor_image* images,
                                        int32_t num_images, nestor_class_map* maps,
                                        nestor_image_result* results);

/* How GluonCV evaluates segmenters: at several sizes, in windows. */
typedef struct nestor_multi_scale {
  size_t size;
  const double* scales; /* of the image, in units of base_size; NULL: 0.5, 0.75, ... 1.75 */
  int32_t num_scales;
  int32_t flip;       /* not 0: run windows mirrored, too */
  int32_t base_size;  /* pixels of the image's longer side at scale 1 */
  int32_t crop_size;  /* pixels of a window's side */
  int32_t batch_size; /* most windows that run at once, mirrored ones counted */
} nestor_multi_scale;
#define NESTOR_MULTI_SCALE_INIT \
  { sizeof(nestor_multi_scale), NULL, 0, 1, 520, 480, 2 }

/* Segments one image so, which takes dozens of runs of the network. options: NULL for those of
 * NESTOR_MULTI_SCALE_INIT. */
NESTOR_API nestor_status nestor_segment_multi_scale(nestor_session* session,
                                                    const nestor_image* image,
                                                    const nestor_multi_scale* options,
                                                    nestor_class_map* map);

/* --- tensors ---------------------------------------------------------------------------------- */

typedef struct nestor_tensor {
  size_t size;
  const char* name; /* of outputs; valid until the session's next call, like `data` and `count` */
  const void* data; /* C order */
  int32_t dtype;    /* NESTOR_FLOAT32, ... */
  int32_t rank;
  int64_t shape[NESTOR_MAX_RANK]; /* the first `rank` are used; -1: any */
  /* How many rows of each image are in use, the first ones; NULL: all are. */
  const int32_t* count;
} nestor_tensor;
#define NESTOR_TENSOR_INIT \
  { sizeof(nestor_tensor), NULL, NULL, NESTOR_FLOAT32, 0, {0, 0, 0, 0, 0, 0, 0, 0}, NULL }

/* The forms that the network's input may have, NESTOR_USAGE behind the last: normalised images,
 * float32 [n, 3, h, w], and images as they are, uint8 [n, h, w, 3], which the device normalises. */
NESTOR_API nestor_status nestor_session_input(const nestor_session* session, int32_t idx,
                                              nestor_tensor* input);

/* Describes the outputs of a run on such an input (`data` is ignored): nestor_session_output then has
 * names, types and shapes, and no data. taps: names of num_taps intermediate tensors to compute as
 * well ("layer1"). Nothing runs. */
NESTOR_API nestor_status nestor_session_describe(nestor_session* session,
                                                 const nestor_tensor* input,
                                                 const char* const* taps, int32_t num_taps);

/* Runs the network on an input in host memory. */
NESTOR_API nestor_status nestor_session_run(nestor_session* session, const nestor_tensor* input,
                                            const char* const* taps, int32_t num_taps);

/* The outputs of the last run (or describe): the network's own ("logits"), then the taps, each name
 * once. */
NESTOR_API nestor_status nestor_session_num_outputs(const nestor_session* session, int32_t* count);
NESTOR_API nestor_status nestor_session_output(const nestor_session* session, int32_t idx,
                                               nestor_tensor* output);

/* Several batches at a time: on a GPU the next one is copied while another is computed. submit
 * begins a run of nestor_session_run and waits for nothing (the first time for plan and memory);
 * the input may change when it returns. collect waits for the oldest pending batch, whose outputs
 * nestor_session_output then gives until the next submit, collect, run or enqueue. At most num_slots
 * batches can be pending (on a CPU submit computes); while some are, all other runs are
 * NESTOR_USAGE. A batch whose submit or collect fails is not pending any more. */
NESTOR_API nestor_status nestor_session_submit(nestor_session* session, const nestor_tensor* input,
                                               const char* const* taps, int32_t num_taps);
NESTOR_API nestor_status nestor_session_collect(nestor_session* session);

/* Device memory of the caller's, with room for `bytes`. */
typedef struct nestor_device_buffer {
  size_t size;
  void* data;
  size_t bytes;
} nestor_device_buffer;
#define NESTOR_DEVICE_BUFFER_INIT \
  { sizeof(nestor_device_buffer), NULL, 0 }

/* Runs the network on `stream`, a cudaStream_t of the model's device (not the default stream, and
 * not capturing), from an input in device memory into outputs in device memory, in C order: those
 * that nestor_session_describe lists. Asynchronous: the run is ordered after all earlier work of the
 * stream and before all later work; input and outputs must live until the run has completed.
 * Only the first run of a shape waits. Runs of one session follow one another, whatever
 * their streams. NESTOR_UNSUPPORTED on a CPU. */
NESTOR_API nestor_status nestor_session_enqueue(nestor_session* session, const nestor_tensor* input,
                                                const char* const* taps, int32_t num_taps,
                                                const nestor_device_buffer* outputs,
                                                int32_t num_outputs, void* stream);

/* The plan of a run on such an input. format: "text", a table for people, or "json". Valid until the
 * session's next call. */
NESTOR_API nestor_status nestor_session_plan(nestor_session* session, const nestor_tensor* input,
                                             const char* format, const char** plan);

#ifdef __cplusplus
}
#endif

#endif
