/* replay: plays the files of the folders named to a fuzzer, once each. What libFuzzer's own main does, for every
 * compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int play(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    uint8_t *data = malloc(1 << 20);
    size_t n = data ? fread(data, 1, 1 << 20, file) : 0;
    fclose(file);
    uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees the first byte too many */
    for (size_t i = 0; exact && i < n; i++) exact[i] = data[i];
    if (exact) LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    free(data);
    return 1;
}

int main(int argc, char **argv) {
    int played = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.') played += play(path);
        }
        closedir(folder);
    }
    printf("%d inputs played\n", played);
    return played == 0;
}
