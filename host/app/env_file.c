/* env_file: the text is cut in place: first all of it is read, then it is put into the environment. */
#include "app/env_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static bool is_name(char c, bool first) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && c >= '0' && c <= '9');
}

static char *skip_blanks(char *p) {
    while (is_blank(*p)) p++;
    return p;
}

/* Behind a value only a comment may stand. */
static bool is_over(char *p) {
    p = skip_blanks(p);
    return *p == '\0' || *p == '#';
}

/* Takes the quotes at `p`, and in double ones the escapes, out of the value that begins there. */
static const char *unquote(char *p, char **value) {
    char quote = *p++, *to = p;
    *value = p;
    for (; *p != quote; *to++ = *p++) {
        if (*p == '\0') return "a quote is missing at the end of the value";
        if (quote == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\')) p++;
    }
    if (!is_over(p + 1)) return "only a comment may stand behind the quotes";
    *to = '\0';
    return NULL;
}

/* What is in front of the end of the line, or of a comment behind a space. */
static void trim(char *value) {
    char *end = value;
    while (*end && !(*end == '#' && (end == value || is_blank(end[-1])))) end++;
    while (end > value && is_blank(end[-1])) end--;
    *end = '\0';
}

/* NULL, or what is wrong with the line. */
static const char *read_line(char *p, struct env_variable *out) {
    if (strncmp(p, "export", 6) == 0 && is_blank(p[6])) p = skip_blanks(p + 6);
    out->name = p;
    while (is_name(*p, p == out->name)) p++;
    if (p == out->name) return "a name is missing: letters, digits and _, and no digit first";
    char *name_end = p;
    p = skip_blanks(p);
    if (*p != '=') return "= must follow the name";
    *name_end = '\0';
    p = skip_blanks(p + 1);
    if (*p == '"' || *p == '\'') return unquote(p, &out->value);
    out->value = p;
    trim(p);
    return NULL;
}

int env_file_next(char **rest, struct env_variable *out, unsigned *line, const char **why) {
    while (**rest) {
        char *begins = skip_blanks(*rest), *end = strchr(*rest, '\n');
        *rest = end ? end + 1 : *rest + strlen(*rest);
        if (end) *end = '\0';
        ++*line;
        if (*begins == '\0' || *begins == '#' || begins == end) continue;
        *why = read_line(begins, out);
        return *why ? ERR_SYNTAX : 1;
    }
    return 0;
}

/* The whole file, with a NUL behind it; NULL with `fault`. */
static char *read_file(const char *path, struct fault *fault) {
    FILE *file = fopen(path, "rbe");
    char *text = file ? malloc(ENV_FILE_MOST + 1) : NULL;
    size_t n = text ? fread(text, 1, ENV_FILE_MOST, file) : 0;
    bool failed = !text || ferror(file), too_long = text && n == ENV_FILE_MOST && fgetc(file) != EOF;
    if (failed) fault_put(fault, FAULT_SCRIPT, "--env-file: %s: %s", path, strerror(errno));
    if (too_long) fault_put(fault, FAULT_SCRIPT, "--env-file: %s is longer than 1 MiB", path);
    if (text) text[n] = '\0';
    if (text && memchr(text, '\0', n)) fault_put(fault, FAULT_SCRIPT, "--env-file: %s has zeros in it", path);
    if (file) fclose(file);
    if (!fault_set(fault)) return text;
    free(text);
    return NULL;
}

/* Reads all lines of the text; with `sets` puts them into the environment. */
static int go_through(char *text, const char *path, bool sets, struct fault *fault) {
    struct env_variable v;
    unsigned line = 0;
    const char *why;
    int rc;
    while ((rc = env_file_next(&text, &v, &line, &why)) == 1)
        if (sets && setenv(v.name, v.value, 1) != 0) {
            fault_put(fault, FAULT_SCRIPT, "--env-file: %s", strerror(errno));
            return ERR_SYSTEM;
        }
    if (rc == 0) return 0;
    fault_put(fault, FAULT_SCRIPT, "--env-file: %s, line %u: %s", path, line, why);
    return ERR_SYSTEM;
}

int env_file_load(const char *path, struct fault *fault) {
    char *text = read_file(path, fault), *copy = text ? strdup(text) : NULL;
    if (text && !copy) fault_put(fault, FAULT_SCRIPT, "--env-file: not enough memory");
    int rc = copy && go_through(copy, path, false, fault) == 0 ? go_through(text, path, true, fault) : ERR_SYSTEM;
    free(copy);
    free(text);
    return rc;
}
