/* Beam search against the enumeration of all continuations, and sequences copied in a session. */
#include "model_check.h"

#include "model/beam.h"

enum { VOCAB = 5, STEPS = 3, ALL = VOCAB * VOCAB * VOCAB };

static const int32_t prompt[4] = {1, 3, 0, 2};

static model_t *small_model(void) {
    model_spec_t spec = check_spec[0];
    spec.vocab = VOCAB;
    return check_model_of(&spec, 0.4f, "reference");
}

/* log p of a continuation, teacher-forced in one piece. */
static double log_p(const model_t *model, const int32_t start[4], const int32_t *text, int64_t length) {
    session_t *s;
    int32_t sequence = 0, tokens[4 + STEPS];
    int64_t n = 4 + length - 1, row[STEPS];
    head_stat_t stat[STEPS];
    memcpy(tokens, start, 4 * sizeof *start);
    memcpy(tokens + 4, text, (size_t)length * sizeof *text);
    for (int64_t i = 0; i < length; i++) row[i] = 3 + i;
    check_ok(session_create(model, 1, n, n, &s));
    check_ok(session_forward(s, 1, &sequence, &n, tokens, NULL));
    check_ok(session_head(s, length, row, text, NULL, stat));
    session_free(s);
    double sum = 0;
    for (int64_t i = 0; i < length; i++) sum += (double)stat[i].logit_target - (double)stat[i].lse;
    return sum;
}

/* All texts of STEPS tokens, or fewer up to an end token, best first; returns how many. */
static int32_t enumerate(const model_t *model, const spec_ends_t *ends, beam_text_t *all, int32_t *block) {
    int32_t n = 0;
    for (int32_t i = 0; i < ALL; i++) {
        int32_t *t = block + n * STEPS, place = n;
        int64_t length = 0;
        t[0] = i / VOCAB / VOCAB, t[1] = i / VOCAB % VOCAB, t[2] = i % VOCAB;
        while (length < STEPS && (length == 0 || !spec_is_end(ends, t[length - 1]))) length++;
        int rest = 0; // each shorter text once
        for (int64_t j = length; j < STEPS; j++) rest |= t[j];
        if (rest) continue;
        double p = log_p(model, prompt, t, length), score = p / (double)length;
        for (; place > 0 && all[place - 1].score < score; place--) all[place] = all[place - 1];
        all[place] = (beam_text_t){t, length, p, score};
        n++;
    }
    return n;
}

/* As many beams as there are prefixes lose nothing: the search finds the best of all texts, with their log p bit for
 * bit what a teacher-forced pass gives. */
static void wide_beam_finds_the_best_of_all(void **state) {
    (void)state;
    model_t *model = small_model();
    static int32_t block[(ALL + 1) * STEPS];
    static beam_text_t all[ALL];
    static const int32_t texts[] = {ALL, 1 + 4 + 16 * 5, 2 + 3 * 2 + 9 * 5}; // with none, one, two tokens that end one
    for (int32_t kind = 0; kind < 1 + VOCAB + VOCAB; kind++) {
        const beam_text_t *found;
        beam_t *beam;
        const spec_ends_t ends = {(kind + VOCAB - 1) / VOCAB, {kind % VOCAB, (kind + 2) % VOCAB}};
        int32_t n = enumerate(model, &ends, all, block);
        assert_int_equal(n, texts[ends.n]);
        check_ok(beam_create(model, ALL, 4, STEPS, &ends, &beam));
        assert_int_equal(beam_search(beam, 4, prompt, &found), n);
        for (int32_t i = 0; i < n; i++) {
            assert_int_equal(found[i].length, all[i].length);
            assert_memory_equal(found[i].token, all[i].token, (size_t)all[i].length * sizeof(int32_t));
            assert_true(found[i].log_p == all[i].log_p && found[i].score == all[i].score);
        }
        beam_free(beam);
    }
    model_free(model);
}

typedef struct {
    int32_t token[STEPS];
    int64_t length;
    double log_p, score;
} plain_t;

/* Puts a text behind those of at least its rank in a list that keeps `most`; returns how many it holds then. */
static int32_t insert(plain_t *list, int32_t n, int32_t most, double (*rank)(const plain_t *), const plain_t *text) {
    int32_t place = n;
    for (; place > 0 && rank(&list[place - 1]) < rank(text); place--) list[place] = list[place - 1];
    list[place] = *text;
    return n < most ? n + 1 : most;
}

static double by_log_p(const plain_t *text) {
    return text->log_p;
}

static double by_score(const plain_t *text) {
    return text->score;
}

enum { MOST_BEAMS = 4, PROMPTS = 12 };

/* log p of every text of 1 to STEPS tokens after a prompt; text: its tokens as digits, behind a 1. */
static void fill_table(const model_t *model, const int32_t start[4], double *table) {
    for (int32_t text = VOCAB; text < 2 * ALL; text++) {
        int32_t token[STEPS], digits = text, length = 0, unit = 1;
        for (; digits >= VOCAB; digits /= VOCAB, unit *= VOCAB) length++;
        if (digits != 1) continue;
        for (int32_t i = 0; i < length; i++) token[i] = text / (unit /= VOCAB) % VOCAB;
        table[text] = log_p(model, start, token, length);
    }
}

static double look_up(const double *table, const plain_t *text) {
    int32_t place = 1;
    for (int64_t i = 0; i < text->length; i++) place = place * VOCAB + text->token[i];
    return table[place];
}

/* The rules in the plainest form, over a table of teacher-forced passes. */
static int32_t search(const double *table, int32_t beams, const spec_ends_t *ends, plain_t *done) {
    plain_t open[MOST_BEAMS] = {{{0}, 0, 0, 0}}, candidate[MOST_BEAMS * VOCAB + 1];
    int32_t n_open = 1, n_done = 0;
    for (int64_t step = 0; step < STEPS; step++) {
        int32_t n = 0, n_next = 0;
        for (int32_t i = 0; i < n_open * VOCAB; i++) {
            plain_t text = open[i / VOCAB];
            text.token[step] = i % VOCAB;
            text.length = step + 1;
            text.log_p = look_up(table, &text);
            text.score = text.log_p / (double)text.length;
            n = insert(candidate, n, MOST_BEAMS * VOCAB, by_log_p, &text);
        }
        for (int32_t i = 0; i < n; i++) {
            if (!spec_is_end(ends, candidate[i].token[step]) && step + 1 < STEPS) {
                if (n_next < beams) open[n_next++] = candidate[i];
            } else if (i < beams) {
                n_done = insert(done, n_done, beams, by_score, &candidate[i]);
            }
        }
        n_open = n_next;
        if (n_open == 0 || (n_done == beams && open[0].score <= done[beams - 1].score)) break;
    }
    return n_done;
}

/* With every set of end tokens, one search after the other: none leaves anything behind. */
static void narrow_beam_is_what_its_rules_say(void **state) {
    (void)state;
    model_t *model = small_model();
    static double table[PROMPTS][2 * ALL];
    int32_t start[PROMPTS][4];
    for (int32_t p = 0; p < PROMPTS; p++) {
        for (int32_t i = 0; i < 4; i++) start[p][i] = (p * (i + 2) + p / 5 + i) % VOCAB;
        fill_table(model, start[p], table[p]);
    }
    for (int32_t set = 0; set < 1 << VOCAB; set++) {
        spec_ends_t ends = {0};
        for (int32_t token = 0; token < VOCAB; token++)
            if (set >> token & 1) ends.token[ends.n++] = token;
        for (int32_t beams = 1; beams <= MOST_BEAMS; beams++) {
            beam_t *beam;
            check_ok(beam_create(model, beams, 4, STEPS, &ends, &beam));
            for (int32_t p = 0; p < PROMPTS; p++) {
                plain_t text[MOST_BEAMS + 1];
                const beam_text_t *found;
                int32_t n = search(table[p], beams, &ends, text);
                assert_int_equal(beam_search(beam, 4, start[p], &found), n);
                for (int32_t i = 0; i < n; i++) {
                    assert_int_equal(found[i].length, text[i].length);
                    assert_memory_equal(found[i].token, text[i].token, (size_t)text[i].length * sizeof(int32_t));
                    assert_true(found[i].score == text[i].score);
                }
            }
            beam_free(beam);
        }
    }
    model_free(model);
}

/* A prompt of more than two pieces: the best text's log p is that of one teacher-forced pass. */
static void long_prompt_in_pieces(void **state) {
    (void)state;
    enum { LONG = 2 * SESSION_PROMPT + 6 };
    model_spec_t spec = check_spec[0];
    spec.context = LONG + STEPS;
    model_t *model = check_model_of(&spec, 0.2f, "auto");
    static int32_t tokens[LONG + STEPS];
    const beam_text_t *found;
    const int64_t row[STEPS] = {0, 1, 2}, fed = LONG + STEPS - 1, read = STEPS;
    const int32_t sequence = 0;
    head_stat_t stat[STEPS];
    beam_t *beam;
    session_t *s;
    double sum = 0;
    for (int32_t i = 0; i < LONG; i++) tokens[i] = i * 7 % (int32_t)spec.vocab;
    check_ok(beam_create(model, 2, LONG, STEPS, &(spec_ends_t){0}, &beam));
    assert_int_equal(beam_search(beam, LONG, tokens, &found), 2);
    memcpy(tokens + LONG, found->token, sizeof(int32_t) * STEPS);
    check_ok(session_create(model, 1, fed, fed, &s));
    check_ok(session_feed(s, 1, &sequence, &fed, &read, tokens, NULL));
    check_ok(session_head(s, STEPS, row, found->token, NULL, stat));
    for (int64_t i = 0; i < STEPS; i++) sum += (double)stat[i].logit_target - (double)stat[i].lse;
    assert_true(found->log_p == sum);
    session_free(s);
    beam_free(beam);
    model_free(model);
}

/* A copied sequence goes on as the first would, bit for bit, in every family, and both are independent from then on. */
static void copied_sequences_go_on_alike(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        model_t *model = check_model(kind, "reference");
        int32_t tokens[39];
        session_t *s;
        const int32_t one = 0, both[2] = {0, 2};
        const int64_t width = model_spec(model)->width, lengths[2] = {3, 3};
        for (int i = 0; i < 39; i++) tokens[i] = i * 7 % 50;
        check_ok(session_create(model, 3, 40, 39, &s));
        for (int64_t n = 1; n <= 33; n += 16) {
            session_reset(s, 0);
            session_reset(s, 2);
            check_ok(session_forward(s, 1, &one, &n, tokens, NULL));
            session_copy(s, 0, 2);
            assert_int_equal(session_length(s, 2), n);
            const int32_t more[6] = {5, 6, 7, 5, 6, 7};
            check_ok(session_forward(s, 2, both, lengths, more, NULL));
            const float *h = session_hidden(s);
            check_same("copied sequence", h, h + 3 * width, (size_t)(3 * width) * sizeof(float));
        }
        session_free(s);
        model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_beam_finds_the_best_of_all),
        cmocka_unit_test(long_prompt_in_pieces),
        cmocka_unit_test(narrow_beam_is_what_its_rules_say),
        cmocka_unit_test(copied_sequences_go_on_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
