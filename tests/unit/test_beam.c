/* Beam search against the enumeration of all continuations, and sequences copied in a session. */
#include "model_check.h"

#include "model/beam.h"

enum { VOCAB = 5, STEPS = 3, ALL = VOCAB * VOCAB * VOCAB };

static const int32_t prompt[4] = {1, 3, 0, 2};

static model_t *small_model(void) {
    model_spec_t spec = check_spec[0];
    spec.vocab = VOCAB;
    return check_model_of(&spec, 0.2f, "reference");
}

/* log p of a continuation, teacher-forced in one piece. */
static double log_p(const model_t *model, const int32_t *text, int64_t length) {
    session_t *s;
    int32_t sequence = 0, tokens[4 + STEPS];
    int64_t n = 4 + length - 1, row[STEPS];
    head_stat_t stat[STEPS];
    memcpy(tokens, prompt, sizeof prompt);
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

/* All texts of STEPS tokens, or fewer up to the end token, best first; returns how many. */
static int32_t enumerate(const model_t *model, int32_t end, beam_text_t *all, int32_t *block) {
    int32_t n = 0;
    for (int32_t i = 0; i < ALL; i++) {
        int32_t *t = block + n * STEPS, place = n;
        int64_t length = 0;
        t[0] = i / VOCAB / VOCAB, t[1] = i / VOCAB % VOCAB, t[2] = i % VOCAB;
        while (length < STEPS && (length == 0 || t[length - 1] != end)) length++;
        int rest = 0; // each shorter text once
        for (int64_t j = length; j < STEPS; j++) rest |= t[j];
        if (rest) continue;
        double p = log_p(model, t, length), score = p / (double)length;
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
    for (int32_t end = -1; end < VOCAB; end++) {
        const beam_text_t *found;
        beam_t *beam;
        int32_t n = enumerate(model, end, all, block);
        assert_int_equal(n, end < 0 ? ALL : 1 + 4 + 16 * 5);
        check_ok(beam_create(model, ALL, 4, STEPS, end, &beam));
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

/* The same rules in the plainest form: without caches, every candidate scored by a teacher-forced pass of its own. */
static void narrow_beam_is_what_its_rules_say(void **state) {
    (void)state;
    model_t *model = small_model();
    for (int32_t beams = 1; beams <= 4; beams++) {
        int32_t open = 1, text[4][STEPS] = {{0}}, next[4][STEPS];
        for (int64_t step = 0; step < STEPS; step++) { // no end token: nothing is finished before the last step
            struct {
                int32_t text[STEPS];
                double p;
            } c[4 * VOCAB] = {{{0}, 0}};
            int32_t n = 0, kept;
            for (int32_t i = 0; i < open * VOCAB; i++) {
                int32_t try[STEPS], place = n++;
                memcpy(try, text[i / VOCAB], sizeof try);
                try[step] = i % VOCAB;
                double p = log_p(model, try, step + 1);
                for (; place > 0 && c[place - 1].p < p; place--) c[place] = c[place - 1];
                memcpy(c[place].text, try, sizeof try);
                c[place].p = p;
            }
            kept = n < beams ? n : beams;
            for (int32_t i = 0; i < kept; i++) memcpy(next[i], c[i].text, sizeof next[i]);
            memcpy(text, next, sizeof text);
            open = kept;
        }
        const beam_text_t *found;
        beam_t *beam;
        check_ok(beam_create(model, beams, 4, STEPS, -1, &beam));
        for (int again = 0; again < 2; again++) { // a search leaves nothing behind
            assert_int_equal(beam_search(beam, 4, prompt, &found), beams);
            for (int32_t i = 0; i < beams; i++) assert_memory_equal(found[i].token, text[i], sizeof text[i]);
        }
        beam_free(beam);
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
    check_ok(beam_create(model, 2, LONG, STEPS, -1, &beam));
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
