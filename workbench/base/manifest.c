/* What ran, where and how: facts of the build (from the compiler and the Makefile) and of the machine (from the
 * operating system). A fact that cannot be had is left out, never guessed. */
#include "base/manifest.h"
#include "base/err.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#ifdef __clang__
static const char compiler[] = __VERSION__; // begins with the compiler's name
#else
static const char compiler[] = "gcc " __VERSION__;
#endif
#ifndef MEMPROBE_COMMIT
#define MEMPROBE_COMMIT "unknown"
#endif
#ifndef MEMPROBE_FLAGS
#define MEMPROBE_FLAGS "unknown"
#endif

static void set_text(json_t *object, const char *key, const char *text) {
    /* Foreign text may be invalid UTF-8, which jansson refuses; such a fact is left out. */
    json_t *value = json_string(text);
    if (value != NULL) json_object_set_new(object, key, value);
}

static json_t *describe_build(void) {
    json_t *build = json_object();
    set_text(build, "compiler", compiler);
    set_text(build, "flags", MEMPROBE_FLAGS);
    set_text(build, "commit", MEMPROBE_COMMIT);
    return build;
}

/* The first "model name" of /proc/cpuinfo; other architectures have no such line. */
static void set_cpu_name(json_t *host) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        line[strcspn(line, "\n")] = '\0';
        set_text(host, "cpu", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    fclose(file);
}

static json_t *describe_host(void) {
    json_t *host = json_object();
    struct utsname name;
    if (uname(&name) == 0) {
        set_text(host, "name", name.nodename);
        set_text(host, "kernel", name.release);
        set_text(host, "machine", name.machine);
    }
    set_cpu_name(host);
    json_object_set_new(host, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    return host;
}

/* Variables that change how a run computes or where it ran. Others may hold secrets and are nobody's business. */
static json_t *describe_environment(void) {
    static const char *const prefixes[] = {"OPENBLAS_", "OMP_", "SLURM_JOB_ID="};
    json_t *environment = json_object();
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        char key[64];
        if (equals == NULL || equals - *entry >= (ptrdiff_t)sizeof key) continue;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            if (strncmp(*entry, prefixes[i], strlen(prefixes[i])) != 0) continue;
            snprintf(key, sizeof key, "%.*s", (int)(equals - *entry), *entry);
            set_text(environment, key, equals + 1);
        }
    }
    return environment;
}

json_t *manifest_create(int argc, char **argv) {
    json_t *manifest = json_object(), *command = json_array();
    for (int i = 0; i < argc; i++) json_array_append_new(command, json_string(argv[i]));
    time_t now = time(NULL);
    struct tm utc;
    char date[32];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    set_text(manifest, "version", MEMPROBE_VERSION);
    set_text(manifest, "date", date);
    json_object_set_new(manifest, "command", command);
    json_object_set_new(manifest, "build", describe_build());
    json_object_set_new(manifest, "host", describe_host());
    json_object_set_new(manifest, "environment", describe_environment());
    return manifest;
}

int manifest_write(const json_t *manifest, const char *path) {
    char *text = json_dumps(manifest, JSON_INDENT(2));
    if (text == NULL) return err_set("%s: the manifest cannot be written as JSON (no memory?)", path);
    file_out_t *out;
    int rc = file_out_open(path, &out);
    if (rc == 0) {
        file_out_print(out, "%s\n", text); // a failure is kept and reported by commit
        rc = file_out_commit(out);
    }
    free(text);
    return rc;
}
