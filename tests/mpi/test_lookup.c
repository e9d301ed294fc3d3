/* Counts, documents, places and longest matches in an index of many blocks, against walks over the corpus: the same for
 * any number of ranks and any size of blocks. One document is a single token over and over, so that queries have more
 * occurrences than are looked at together and one is longer than what is checked together; blocks of empty documents
 * hold no suffix. */
#include "../unit/corpus_check.h"
#include "index/lookup.h"
#include "ranks_check.h"

enum { QUERIES = 200, LONG = 40000, WORD = 6, TEXT = 300 };
static corpus_t corpus;
static char folder[SHARED_FOLDER], index_folder[SHARED_FOLDER + 16];
static int32_t words[QUERIES][WORD], text[TEXT];
static suffix_query_t query[QUERIES];
static int64_t occurrences[QUERIES], documents[QUERIES];

static void make_corpus(void) {
    static int32_t same[LONG];
    for (int i = 0; i < LONG; i++) same[i] = 1;
    memset(&corpus, 0, sizeof corpus);
    corpus.vocab = 6;
    corpus.end = 5;
    for (int i = 0; i < 30; i++) {
        char id[24];
        snprintf(id, sizeof id, "empty%d", i);
        corpus_add(&corpus, id, "", id, NULL, 0);
    }
    corpus_add_random(&corpus, 5, 60, 120, 3, "a");
    corpus_add(&corpus, "same", "", "same", same, LONG);
    corpus_add_random(&corpus, 6, 60, 120, 3, "b");
}

static int stands_at(const suffix_query_t *q, int64_t d, int64_t i) {
    return i + q->length <= corpus.length[d] &&
           memcmp(corpus.token + corpus.first[d] + i, q->token, (size_t)q->length * sizeof *q->token) == 0;
}

/* Twice the same query now and then, some that stand nowhere, one of almost a document. */
static void make_queries(void) {
    uint64_t draw = 0;
    for (int i = 0; i < QUERIES; i++) {
        for (int k = 0; k < WORD; k++) words[i][k] = (int32_t)rng_below(7, RNG_TEST, draw++, i % 9 == 0 ? 5 : 3);
        query[i] = (suffix_query_t){words[i], 1 + rng_below(7, RNG_TEST, draw++, WORD)};
        if (i % 10 == 7) query[i] = query[i - 3];
    }
    int64_t same = 90;
    query[QUERIES - 1] = (suffix_query_t){corpus.token + corpus.first[same], LONG - 5};
    for (int i = 0; i < QUERIES; i++) {
        occurrences[i] = documents[i] = 0;
        for (int64_t d = 0; d < corpus.documents; d++) {
            int64_t before = occurrences[i];
            for (int64_t at = 0; at < corpus.length[d]; at++) occurrences[i] += stands_at(&query[i], d, at);
            documents[i] += occurrences[i] > before;
        }
    }
}

static int counts_agree(suffix_t *index, tokens_t *tokens) {
    int64_t n[QUERIES], m[QUERIES];
    must(lookup_count(index, tokens, query, QUERIES, n, m));
    return memcmp(n, occurrences, sizeof n) == 0 && memcmp(m, documents, sizeof m) == 0;
}

static int places_agree(suffix_t *index, int64_t limit) {
    lookup_place_t *place;
    int64_t places, at = 0;
    must(lookup_places(index, query, QUERIES, limit, &place, &places));
    int same = 1;
    for (int i = 0; i < QUERIES; i++) {
        int64_t left = limit;
        for (int64_t d = 0; d < corpus.documents; d++) {
            for (int64_t k = 0; k < corpus.length[d] && left > 0; k++) {
                if (!stands_at(&query[i], d, k)) continue;
                same &= at < places && place[at].query == i && place[at].position == corpus.first[d] + k;
                at++;
                left--;
            }
        }
    }
    mem_free(place);
    return same && at == places;
}

static int longest_agree(suffix_t *index) {
    int64_t longest[TEXT];
    for (int i = 0; i < TEXT; i++) text[i] = (int32_t)rng_below(8, RNG_TEST, (uint64_t)i, i % 40 == 0 ? 5 : 3);
    memcpy(text + 200, corpus.token + corpus.first[40], (size_t)(corpus.length[40] % 90) * sizeof *text);
    must(lookup_longest(index, text, TEXT, longest));
    for (int i = 0; i < TEXT; i++) {
        int64_t best = 0;
        for (int64_t d = 0; d < corpus.documents; d++) {
            for (int64_t k = 0; k < corpus.length[d]; k++)
                while (i + best < TEXT && stands_at(&(suffix_query_t){text + i, best + 1}, d, k)) best++;
        }
        if (longest[i] != best) return 0;
    }
    return 1;
}

static void check_blocks(const char *name, int64_t block_tokens) {
    tokens_t *tokens;
    suffix_t *index;
    char line[80];
    must(tokens_open(folder, &tokens));
    must(suffix_build(tokens, folder, block_tokens, index_folder));
    must(suffix_open(folder, index_folder, &index));
    snprintf(line, sizeof line, "%s: %d blocks", name, suffix_blocks(index));
    verdict(line, 1);
    verdict("occurrences and documents", counts_agree(index, tokens));
    verdict("the first place", places_agree(index, 1));
    verdict("the first 7 places", places_agree(index, 7));
    verdict("all places", places_agree(index, INT64_MAX));
    verdict("longest matches", longest_agree(index));
    suffix_close(index);
    tokens_close(tokens);
    par_barrier();
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    shared_folder_make(folder);
    snprintf(index_folder, sizeof index_folder, "%s/suffix", folder);
    make_corpus();
    make_queries();
    must(par_agree(par_rank() == 0 ? corpus_write(&corpus, folder, 3) : 0));
    check_blocks("one block", SUFFIX_BLOCK_MOST);
    check_blocks("small blocks", 500);
    check_blocks("a block for almost each document", 10);
    shared_folder_remove(folder);
    par_finalize();
    return failures != 0;
}
