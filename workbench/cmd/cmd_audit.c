/* `memprobe audit`: what a probe set itself does to the rates that are measured on it. */
#include "base/csv.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/audit_input.h"
#include "cmd/queries.h"
#include "cmd/verbs.h"
#include "index/audit.h"
#include "par/par.h"
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: memprobe audit [options] FOLDER            probes.csv and probes.tokens: CACHE/census-... of a study\n"
    "       memprobe audit [options] CONTEXTS.npy SUFFIXES.npy\n"
    "       memprobe audit [options] FILE              .npy of whole rows; .csv with token ids in columns context and\n"
    "                                                  suffix, or of whole rows in one (and is_member, if there is)\n"
    "\n"
    "Looks for what in the probes themselves makes an extraction rate mean less than it seems to. Prints\n"
    "check,value,probes,of,share,groups,largest as CSV: how many of the probes a check found, and for checks of "
    "likeness\n"
    "how many groups they form and how large the largest is.\n"
    "\n"
    "  distinct_probes, distinct_contexts, distinct_suffixes, clusters   how many are left of each kind\n"
    "  multiplicity                        rows that stand `value` times, and how many such groups\n"
    "  equal_probes, equal_contexts, equal_suffixes       rows with an equal one\n"
    "  context_with_several_suffixes       of these at most one can be reproduced\n"
    "  near_probes                         rows that share a run of `value` tokens with another (not one block over "
    "and\n"
    "                                      over); what hangs together so is a cluster\n"
    "  overlapping_in_document             rows that share tokens of one document\n"
    "  suffix_in_context                   to be copied, not remembered\n"
    "  suffix_one_token, suffix_repeats    one token, or a block three times and more\n"
    "  suffix_counts                       numbers, or ids, that rise by constant steps\n"
    "  across_documents                    the end token stands inside\n"
    "  equal_member_and_control, equal_suffix_of_member_and_control, near_member_and_control\n"
    "  split_equal_probe, split_equal_context, split_equal_suffix, split_near\n"
    "                                      of the last --split rows those with such a row before them\n"
    "  context_with_several_continuations  the context stands in the corpus more often than with this suffix\n"
    "  member_not_in_corpus, control_in_corpus\n"
    "\n"
    "  --suffix N        tokens of the suffix: the last ones of a row (not needed where the files say it)\n"
    "  --context N       look at the last N tokens of every context only, as a probe with that much context does;\n"
    "                    of a study with [probe] windows = each: at the windows drawn for context N (needed there)\n"
    "  --near N          tokens of a shared run (half of the suffix, at least 8)\n"
    "  --split N         the last N rows are a test set: look for them in the others\n"
    "  --corpus DIR      folder of token shards with an index (memprobe index), or CACHE/ingest-... of a study\n"
    "  --tokenizer FILE  tokenizer.json, to read the numbers in suffixes\n"
    "  --end ID          the token that ends documents (the corpus knows its own)\n"
    "  --column NAME     column of the CSV with the ids of whole rows (tokens)\n"
    "  --list FILE       write probe_id,check,detail for every probe that was found\n"
    "  --clusters FILE   write probe_id,equal_to,cluster: its first equal row, and its cluster\n"
    "  --help            this text\n"
    "\n"
    "Rows are numbered from 0, as in the whole folder or file. Runs under mpirun as well.\n";

typedef struct {
    audit_input_t input;
    audit_spec_t spec;
    const char *corpus, *tokenizer, *list, *clusters;
    int help;
} options_t;

/* --- output ------------------------------------------------------------------------------------------------------- */

static void put_number(csv_out_t *out, int64_t value) {
    if (value == AUDIT_NONE)
        csv_text(out, "");
    else
        csv_i64(out, value);
}

static int print_table(const audit_t *a) {
    csv_out_t *out;
    TRY(csv_open_stream(stdout, "standard output", "check,value,probes,of,share,groups,largest", &out));
    for (int64_t i = 0; i < a->n_lines; i++) {
        const audit_line_t *l = &a->line[i];
        csv_text(out, l->check);
        put_number(out, l->value);
        csv_i64(out, l->probes);
        csv_i64(out, l->of);
        csv_f64(out, (double)l->probes / (double)l->of);
        put_number(out, l->groups);
        put_number(out, l->largest);
        csv_end(out);
    }
    return csv_commit(out);
}

static int write_list(const char *path, const audit_t *a) {
    csv_out_t *out;
    char detail[128];
    TRY(csv_open(path, "probe_id,check,detail", &out));
    for (int64_t i = 0; i < a->n_flags; i++) {
        const audit_flag_t *f = &a->flag[i];
        snprintf(detail, sizeof detail, f->format, (long long)f->a, (long long)f->b);
        csv_i64(out, f->id);
        csv_text(out, f->check);
        csv_text(out, detail);
        csv_end(out);
    }
    return csv_commit(out);
}

static int write_clusters(const char *path, const audit_t *a) {
    csv_out_t *out;
    int64_t *number = mem_new(a->n, sizeof *number, "clusters"), next = 0;
    int rc = number ? csv_open(path, "probe_id,equal_to,cluster", &out) : -1;
    for (int64_t i = 0; i < a->n && rc == 0; i++) {
        if (a->cluster[i] == i) number[i] = next++; // the lowest row of a cluster comes first
        csv_i64(out, a->first_id + i);
        csv_i64(out, a->first_id + a->same[i]);
        csv_i64(out, number[a->cluster[i]]);
        csv_end(out);
    }
    mem_free(number);
    return rc == 0 ? csv_commit(out) : -1;
}

static const audit_line_t *line_of(const audit_t *a, const char *check) {
    for (int64_t i = 0; i < a->n_lines; i++)
        if (strcmp(a->line[i].check, check) == 0) return &a->line[i];
    return NULL;
}

/* What a reader should know first. */
static void print_summary(const audit_t *a) {
    static const char *const worst[] = {"context_with_several_suffixes",
                                        "suffix_in_context",
                                        "suffix_one_token",
                                        "suffix_repeats",
                                        "suffix_counts",
                                        "overlapping_in_document",
                                        "across_documents",
                                        "equal_member_and_control",
                                        "near_member_and_control",
                                        "split_equal_probe",
                                        "split_near",
                                        "context_with_several_continuations",
                                        "member_not_in_corpus",
                                        "control_in_corpus"};
    fprintf(stderr, "%lld probes, %lld of them distinct, in %lld clusters: worth %.0f independent ones\n",
            (long long)a->n, (long long)line_of(a, "distinct_probes")->probes,
            (long long)line_of(a, "clusters")->probes, audit_effective(a));
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i++) {
        const audit_line_t *l = line_of(a, worst[i]);
        if (l && l->probes > 0)
            fprintf(stderr, "  %-34s %lld of %lld (%.1f %%)\n", l->check, (long long)l->probes, (long long)l->of,
                    100 * (double)l->probes / (double)l->of);
    }
}

static int print_all(const options_t *o, const audit_t *a) {
    TRY(print_table(a));
    if (o->list) TRY(write_list(o->list, a));
    if (o->clusters) TRY(write_clusters(o->clusters, a));
    print_summary(a);
    return 0;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static int number(const char *option, const char *text, int64_t least, int64_t *value) {
    TRY(num_parse_i64(text, value));
    if (*value >= least && *value <= INT32_MAX) return 0;
    return err_set("--%s %s: give a number from %lld to %d", option, text, (long long)least, INT32_MAX);
}

static int parse_option(int c, options_t *o) {
    int64_t end;
    if (c == 's') return number("suffix", optarg, 1, &o->input.suffix);
    if (c == 'k') return number("context", optarg, 1, &o->input.context);
    if (c == 'n') return number("near", optarg, 1, &o->spec.near);
    if (c == 'p') return number("split", optarg, 1, &o->spec.split);
    if (c == 'c') o->corpus = optarg;
    if (c == 't') o->tokenizer = optarg;
    if (c == 'f') o->input.column = optarg;
    if (c == 'l') o->list = optarg;
    if (c == 'u') o->clusters = optarg;
    if (c == 'h') o->help = 1;
    if (c != 'e') return 0;
    TRY(number("end", optarg, 0, &end));
    o->spec.end = (int32_t)end;
    return 0;
}

static int parse_options(int argc, char **argv, options_t *o) {
    static const struct option known[] = {
        {"suffix", required_argument, NULL, 's'}, {"context", required_argument, NULL, 'k'},
        {"near", required_argument, NULL, 'n'},   {"split", required_argument, NULL, 'p'},
        {"corpus", required_argument, NULL, 'c'}, {"tokenizer", required_argument, NULL, 't'},
        {"end", required_argument, NULL, 'e'},    {"column", required_argument, NULL, 'f'},
        {"list", required_argument, NULL, 'l'},   {"clusters", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    *o = (options_t){.spec.end = -1};
    uint64_t seen = 0;
    for (int c; (c = verb_option(argc, argv, known, &seen)) != -1;) {
        if (c == '?') return -1;
        TRY(parse_option(c, o));
    }
    o->input.path = argv + optind;
    o->input.paths = argc - optind;
    if (o->help || o->input.paths == 1 || o->input.paths == 2) return 0;
    return err_set("give the probes: a folder, one file, or two .npy files");
}

/* --- the verb ----------------------------------------------------------------------------------------------------- */

/* Rank 0 looks at the set, all ranks ask the corpus. */
static int look(options_t *o, audit_probes_t *probes, query_corpus_t *corpus, tokenizer_t *tokenizer) {
    enum { LEAST_RUN = 8 };
    audit_t audit = {0};
    int speaks = par_rank() == 0;
    if (o->corpus && o->spec.end < 0) o->spec.end = tokens_end(corpus->tokens);
    if (o->spec.near == 0)
        o->spec.near = probes->shortest_suffix / 2 > LEAST_RUN ? probes->shortest_suffix / 2 : LEAST_RUN;
    o->spec.tokenizer = tokenizer;
    int rc = par_agree(speaks ? audit_make(&probes->set, &o->spec, &audit) : 0);
    if (rc == 0 && o->corpus)
        rc = audit_ask_corpus(&probes->set, corpus->index, corpus->tokens, speaks ? &audit : NULL);
    if (rc == 0) rc = par_agree(speaks ? print_all(o, &audit) : 0);
    audit_free(&audit);
    return rc;
}

static int run(options_t *o) {
    query_options_t query = {.corpus = o->corpus, .tokens = 1};
    query_corpus_t corpus = {0};
    audit_probes_t probes = {0};
    tokenizer_t *tokenizer = NULL;
    int rc = audit_probes_read(&o->input, &probes);
    if (rc == 0 && o->tokenizer) rc = tokenizer_load(o->tokenizer, &tokenizer);
    rc = par_agree(rc);
    if (rc == 0 && o->corpus) rc = query_corpus_open(&query, &corpus);
    if (rc == 0) rc = look(o, &probes, &corpus, tokenizer);
    query_corpus_close(&corpus);
    tokenizer_free(tokenizer);
    audit_probes_free(&probes);
    return rc;
}

int cmd_audit(int argc, char **argv) {
    options_t options;
    if (parse_options(argc, argv, &options) != 0) {
        fprintf(stderr, "memprobe audit: error: %s; see memprobe audit --help\n", err_text());
        return EXIT_MISUSE;
    }
    if (options.help) {
        fputs(help, stdout);
        return verb_end(0);
    }
    if (par_init(&argc, &argv) != 0) return EXIT_FAILED;
    log_init(LOG_WARN, par_rank() == 0, 0);
    int rc = run(&options);
    if (rc != 0 && par_rank() == 0) fprintf(stderr, "memprobe: error: %s\n", err_text());
    par_finalize();
    return rc == 0 ? 0 : EXIT_FAILED;
}
