/* What a loaded tokenizer is, in words. */
#include "text/tokenizer_private.h"

static void explain_byte_level(const tokenizer_t *t, FILE *out) {
    static const char *const names[] = {[PRETOKEN_GPT2] = "GPT-2",
                                        [PRETOKEN_LLAMA3] = "Llama-3 (cl100k)",
                                        [PRETOKEN_QWEN2] = "Qwen2",
                                        [PRETOKEN_EACH_NUMBER] = "each number",
                                        [PRETOKEN_NUMBERS] = "numbers"};
    fprintf(out, "a byte-level BPE tokenizer\n  normalizer: %s\n  pre-tokens:", t->pipeline.is_nfc ? "NFC" : "none");
    for (int32_t i = 0; i < t->pipeline.rules; i++) {
        fprintf(out, "%s %s", i > 0 ? "," : "", names[t->pipeline.rule[i]]);
    }
    fprintf(out, "%s%s\n", t->pipeline.rules == 0 ? " none" : "",
            t->pipeline.add_prefix_space ? "; a space is put in front" : "");
}

static void explain_sentence(const tokenizer_t *t, FILE *out) {
    static const char *const prefixes[] = {[PREFIX_NEVER] = "none is put in front",
                                           [PREFIX_FIRST] = "one is put in front of a text that has none there",
                                           [PREFIX_ALWAYS] = "a stretch between added tokens gets one, if it has none",
                                           [PREFIX_PIECE] = "one is put in front, also behind an added token"};
    const sentence_rules_t *rules = &t->pipeline.sentence;
    fprintf(out, "a SentencePiece-style BPE tokenizer%s\n",
            sentence_has_bytes(t->sentence) ? " with byte fallback" : ", without byte fallback");
    fprintf(out, "  %s: ", rules->is_normalizer ? "normalizer" : "pre-tokenizer");
    if (rules->space != ' ') fprintf(out, "spaces are written U+%04X; ", (unsigned)rules->space);
    fprintf(out, "%s\n  pre-tokens: %s", prefixes[rules->prefix], rules->is_split ? "each space starts one" : "none");
    fprintf(out, "%s\n", sentence_is_cut(t->sentence) ? "; text is cut where no merge reaches across" : "");
}

void tokenizer_explain(const tokenizer_t *t, FILE *out) {
    if (t->sentence) {
        explain_sentence(t, out);
    } else {
        explain_byte_level(t, out);
    }
    fprintf(out, "  vocabulary %d, merges %lld\n", t->vocab, (long long)bpe_merges(t->bpe));
    fprintf(out, "  added tokens: %lld", (long long)(t->exact.n + t->normalized.n));
    if (t->normalized.n > 0) fprintf(out, ", %lld of them looked for in normalized text", (long long)t->normalized.n);
    if (t->end < 0) {
        fprintf(out, "\n  no end token: none of <|endoftext|>, <|end_of_text|>, </s>, <eos>\n");
        return;
    }
    size_t bytes;
    const char *text = tokenizer_text(t, t->end, &bytes);
    fprintf(out, "\n  end token %d %.*s\n", t->end, (int)bytes, text);
}
