/* segment_c MODEL IMAGE MAP: the C interface of segmenters as a program outside the tree uses it.
 * Writes the image's class map to the file MAP, a byte a pixel. */

#include <nestor/nestor_c.h>
#include <stdio.h>

static int complain(nestor_status status) {
  fprintf(stderr, "%s: %s\n", nestor_status_name(status), nestor_last_error());
  return (int)status;
}

int main(int argc, char** argv) {
  nestor_model* model = NULL;
  nestor_session* session = NULL;
  nestor_image photo = NESTOR_IMAGE_INIT;
  nestor_class_map map = NESTOR_CLASS_MAP_INIT;
  nestor_status status;
  FILE* file;
  size_t pixels, written;
  if (argc != 4) return 2;

  status = nestor_model_load(argv[1], "cpu", &model);
  if (status != NESTOR_OK) return complain(status);
  status = nestor_session_create(model, NULL, &session);
  nestor_model_free(model); /* the session keeps what it needs */
  if (status != NESTOR_OK) return complain(status);
  photo.path = argv[2];
  status = nestor_segment(session, &photo, 1, &map, NULL);
  if (status != NESTOR_OK) return complain(status);

  printf("%d x %d pixels\n", (int)map.width, (int)map.height);
  file = fopen(argv[3], "wb");
  if (file == NULL) return 1;
  pixels = (size_t)map.width * (size_t)map.height;
  written = fwrite(map.classes, 1, pixels, file);
  nestor_session_free(session);
  return fclose(file) == 0 && written == pixels ? 0 : 1;
}
