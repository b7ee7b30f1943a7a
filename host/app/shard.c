/* shard: one function for each source, in their order. */
#include "app/shard.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FROM_HOST = 256 }; /* bytes of a host's name */

/* Reads a number of digits alone, up to `end`. */
static bool read_number(const char *text, const char *end, unsigned long *out) {
    char *behind;
    if (text >= end || *text < '0' || *text > '9') return false;
    *out = strtoul(text, &behind, 10);
    return behind == end && *out <= UINT_MAX;
}

bool shard_read(const char *text, struct shard *out) {
    const char *end = text + strlen(text), *slash = strchr(text, '/');
    unsigned long number, count = 0;
    if (!read_number(text, slash ? slash : end, &number) || (slash && !read_number(slash + 1, end, &count)))
        return false;
    *out = (struct shard){(unsigned)number, (unsigned)count};
    return number >= 1 && number <= SHARDS_MOST && (!slash || (number <= count && count <= SHARDS_MOST));
}

/* What was found, and where. */
struct finding {
    const char *source, *text; /* the name of the source, and what it said; NULL: there is none */
    unsigned long number, count;
    struct fault *fault;
};

static bool refuse(struct finding *f, const char *what) {
    fault_put(f->fault, FAULT_SCRIPT, "%s=%s: %s", f->source, f->text, what);
    return false;
}

/* Takes a variable of the environment as the source. False: it is not set. */
static bool take_source(struct finding *f, const char *name) {
    f->source = name;
    f->text = getenv(name);
    return f->text != NULL;
}

static bool read_variable(struct finding *f, const char *name, unsigned long *out) {
    const char *text = getenv(name);
    if (!text || read_number(text, text + strlen(text), out)) return true;
    fault_put(f->fault, FAULT_SCRIPT, "%s=%s: it must be a whole number", name, text);
    return false;
}

/* ---- the sources ---- */

static bool take_pair(struct finding *f) {
    struct shard s;
    if (!shard_read(f->text, &s)) return refuse(f, "it must be I/N, with I from 1 to N");
    f->number = s.number;
    f->count = s.count;
    return true;
}

static bool take_index(struct finding *f, const char *count) {
    return read_variable(f, f->source, &f->number) && read_variable(f, count, &f->count) && ++f->number;
}

/* Its numbers may begin anywhere, and have gaps. */
static bool take_array(struct finding *f) {
    unsigned long id = 0, first = 0, step = 1;
    if (!read_variable(f, f->source, &id) || !read_variable(f, "SLURM_ARRAY_TASK_MIN", &first) ||
        !read_variable(f, "SLURM_ARRAY_TASK_STEP", &step) || !read_variable(f, "SLURM_ARRAY_TASK_COUNT", &f->count))
        return false;
    if (id < first || step == 0) return refuse(f, "it is less than SLURM_ARRAY_TASK_MIN");
    f->number = (id - first) / step + 1;
    return true;
}

/* "feed-3" is the fourth of a StatefulSet of Kubernetes. */
static bool take_host(struct finding *f, char name[FROM_HOST]) {
    f->source = "the host's name";
    f->text = name;
    if (gethostname(name, FROM_HOST) != 0) return refuse(f, "it is not known");
    name[FROM_HOST - 1] = '\0';
    char *end = name + strcspn(name, "."), *digits = end;
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9') digits--;
    if (!read_number(digits, end, &f->number))
        return refuse(f,
                      "WSBOT_SHARDS is set, but nothing says which of them this is: it has no number at its end, and "
                      "there is no --shard, WSBOT_SHARD or variable of Kubernetes or Slurm");
    f->number++;
    return true;
}

/* False with a fault, or without one: there is no source. */
static bool take_first(struct finding *f, const char *given, char host[FROM_HOST]) {
    if (given) {
        f->source = "--shard";
        f->text = given;
        return take_pair(f);
    }
    if (take_source(f, "WSBOT_SHARD")) return take_pair(f);
    if (take_source(f, "JOB_COMPLETION_INDEX")) return take_index(f, "WSBOT_SHARDS");
    if (take_source(f, "SLURM_ARRAY_TASK_ID")) return take_array(f);
    if (take_source(f, "SLURM_PROCID")) return take_index(f, "SLURM_NTASKS");
    return getenv("WSBOT_SHARDS") && take_host(f, host);
}

int shard_find(const char *given, struct shard *out, struct fault *fault) {
    char host[FROM_HOST];
    struct finding f = {.fault = fault};
    *out = (struct shard){1, 1};
    if (!take_first(&f, given, host)) return fault_set(fault) ? ERR_SYSTEM : 0;
    if (!f.count && !read_variable(&f, "WSBOT_SHARDS", &f.count)) return ERR_SYSTEM;
    if (!f.count) {
        refuse(&f, "nothing says how many shards there are: set WSBOT_SHARDS");
    } else if (f.number > f.count || f.count > SHARDS_MOST) {
        fault_put(fault, FAULT_SCRIPT, "%s=%s: that is shard %lu of %lu", f.source, f.text, f.number, f.count);
    }
    *out = (struct shard){(unsigned)f.number, (unsigned)f.count};
    return fault_set(fault) ? ERR_SYSTEM : 0;
}
