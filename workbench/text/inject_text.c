/* The text of planted sequences. A sequence is a run of made-up notices, each a template whose gaps are filled with
 * drawn names, places, dates, numbers and codes. No template has more than three words in a row of its own, so who
 * knows all templates and tables still knows little of what comes next: the rest can only be remembered.
 *
 * Every draw is a counter-based random number: draw d of sequence (level, number, control) depends on these and the
 * seed alone, so any rank makes any sequence. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/inject.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Gaps: @n person  @t town  @r street and number  @m money  @d date  @h time of day  @v ship  @c code
 *       @p telephone  @i number  @a age  @w weight or measure  @o trade  @g goods */
static const char *const template_text[] = {
    "@n of @r, @t, paid @m to @n on @d.",
    "On @d the @v left @t with @w of @g for @n.",
    "File @c: @n, @o, born @d in @t, telephone @p.",
    "At @h on @d @n met @n near @r in @t.",
    "The @o @n sold @w of @g at @t for @m, receipt @c.",
    "@n wrote from @t on @d that @i crates marked @c were lost.",
    "Call @p and ask for @n, @r, @t, about lot @i.",
    "Ship @v, master @n, @i souls aboard, sighted at @h off @t.",
    "By will of @d @n leaves @m to @n and @m to @n.",
    "Parcel @c weighs @w, was sent by @n from @t, and cost @m.",
    "@n, @o, and @n, @o, moved from @t to @r, @t.",
    "Account @c of @n holds @m, last changed @d at @h.",
    "The @v carried @w of @g, insured for @m by @n.",
    "Witness @n, aged @a, of @r, @t, saw @n at @h.",
    "Between @d and @d the @o @n repaired @i boats at @t.",
    "Train @i to @t leaves at @h, seat @c is kept for @n.",
    "House @r, @t: owner @n, tenant @n, rent @m, key @c.",
    "@n lent @n @m in @t on @d, due @h.",
    "Sample @c, taken by @n at @t, held @w of @g.",
    "Prize @i went to @n, @o of @t, number @p.",
    "Born to @n and @n at @t, @d, @h, @w.",
    "Case @c, @g from @t, went by the @v for @m.",
    "Room @i, @r: let until @d to @n for @m.",
    "@n, call sign @c, reached @t from @t in @i days.",
};

static const char *const given[] = {
    "Ada",     "Agnes",   "Albert", "Alma",   "Ambrose", "Amos",   "Anna",    "Arthur",   "Beatrix", "Benedict",
    "Bertha",  "Bruno",   "Cecil",  "Clara",  "Clement", "Cora",   "Cyrus",   "Dinah",    "Dora",    "Edgar",
    "Edith",   "Edmund",  "Elias",  "Eliza",  "Ella",    "Elmer",  "Emil",    "Enoch",    "Ernest",  "Esther",
    "Ethel",   "Eunice",  "Ezra",   "Fanny",  "Felix",   "Flora",  "Frieda",  "Gilbert",  "Greta",   "Gustav",
    "Hannah",  "Harriet", "Hector", "Hester", "Horace",  "Hugo",   "Ida",     "Ira",      "Irene",   "Isaac",
    "Ivor",    "Jasper",  "Joanna", "Jonas",  "Josiah",  "Judith", "Julius",  "Katrin",   "Konrad",  "Lavinia",
    "Leander", "Leonie",  "Lewis",  "Lionel", "Lottie",  "Lucian", "Luther",  "Mabel",    "Magnus",  "Marcus",
    "Martha",  "Matilda", "Maude",  "Miriam", "Moritz",  "Myrtle", "Naomi",   "Nathan",   "Nellie",  "Norbert",
    "Olga",    "Orson",   "Otto",   "Pearl",  "Percy",   "Phoebe", "Quentin", "Rachel",   "Ralph",   "Rosalind",
    "Rufus",   "Sabina",  "Selma",  "Silas",  "Simeon",  "Stella", "Sylvan",  "Tabitha",  "Thea",    "Tobias",
    "Ursula",  "Vera",    "Victor", "Viola",  "Wallace", "Wanda",  "Wilfred", "Winifred", "Xaver",   "Yvonne",
    "Zelda",   "Zeno",
};

static const char *const surname[] = {
    "Abbott",     "Ackroyd",   "Aldous",    "Amberg",    "Appleby",   "Archer",    "Ashdown",  "Atwater",   "Babcock",
    "Bagshaw",    "Barlow",    "Baxter",    "Beecham",   "Bellamy",   "Bingley",   "Birdsall", "Blanford",  "Bodkin",
    "Bradwell",   "Brigham",   "Buckley",   "Burgess",   "Cadwell",   "Calloway",  "Carver",   "Chadwick",  "Clegg",
    "Coburn",     "Colville",  "Cromer",    "Dagnall",   "Darrow",    "Denholm",   "Dibble",   "Dorsett",   "Drummond",
    "Dunstan",    "Eastman",   "Eckhart",   "Elwood",    "Emmerich",  "Fairley",   "Farnham",  "Fenwick",   "Fitch",
    "Foxley",     "Gadsby",    "Garrick",   "Gillow",    "Goddard",   "Gresham",   "Grubb",    "Hadlow",    "Halstead",
    "Harker",     "Haskell",   "Hathaway",  "Heywood",   "Hobart",    "Holm",      "Huxtable", "Ingram",    "Ivory",
    "Jessop",     "Jocelyn",   "Kearney",   "Kellogg",   "Kettle",    "Kirkby",    "Knox",     "Lambert",   "Langley",
    "Larkin",     "Lindqvist", "Lockyer",   "Lomax",     "Mallory",   "Marsden",   "Merritt",  "Mossman",   "Nettles",
    "Norcross",   "Oakes",     "Ogilvie",   "Orchard",   "Padgett",   "Parrish",   "Penrose",  "Pickering", "Prewitt",
    "Quigley",    "Radford",   "Ransome",   "Redfern",   "Rigby",     "Rowntree",  "Sadler",   "Satchell",  "Seward",
    "Shackleton", "Skinner",   "Stroud",    "Sutcliffe", "Tanner",    "Thackeray", "Tilden",   "Trask",     "Tuttle",
    "Underhill",  "Vickers",   "Wadsworth", "Walcott",   "Weatherby", "Whitlock",  "Winslow",  "Wragg",     "Yardley",
    "Yates",
};

static const char *const town_head[] = {
    "Alder", "Amber",  "Ash",  "Barrow", "Birch",  "Black", "Brack", "Bram",  "Carr",   "Clay",  "Crow",
    "Dun",   "Eller",  "Elm",  "Fal",    "Fern",   "Glen",  "Hart",  "Hazel", "Holly",  "Kel",   "Kings",
    "Lang",  "Linden", "Mar",  "Moss",   "Nether", "North", "Oak",   "Otter", "Pen",    "Quarr", "Raven",
    "Roth",  "Sal",    "Sher", "Stan",   "Sten",   "Thorn", "Ul",    "Wal",   "Wester", "Whit",  "Wolver",
};
static const char *const town_tail[] = {
    "bridge", "burn",  "bury",  "by",  "combe", "cott",    "dale",  "den",  "field", "ford", "gate", "ham",  "haven",
    "holt",   "hurst", "leigh", "low", "mere",  "minster", "mouth", "port", "stead", "stow", "ton",  "wick", "worth",
};
static const char *const street_head[] = {
    "Abbey",  "Anchor", "Bakers", "Bell",    "Bishop",  "Castle",  "Cedar",   "Chapel",  "Cooper",  "Copper",
    "Dock",   "Falcon", "Ferry",  "Foundry", "Garden",  "Granary", "Harbour", "Juniper", "Lantern", "Lime",
    "Market", "Mason",  "Mill",   "Orchard", "Park",    "Plum",    "Priory",  "Quay",    "Rope",    "Saddler",
    "Salt",   "School", "Spring", "Station", "Tannery", "Temple",  "Vine",    "Weaver",  "Willow",  "Windmill",
};
static const char *const street_tail[] = {"Street", "Lane", "Road", "Row", "Court", "Square", "Hill", "Close"};
static const char *const ship_head[] = {
    "Amber", "Bold",  "Bright",  "Coral",  "Daring",   "Distant", "Eastern", "Fair",     "Faithful", "Golden",
    "Grey",  "Happy", "Iron",    "Ivory",  "Little",   "Lonely",  "Merry",   "Northern", "Patient",  "Proud",
    "Quiet", "Royal", "Scarlet", "Silver", "Southern", "Swift",   "Velvet",  "Western",  "Wild",     "Winter",
};
static const char *const ship_tail[] = {
    "Albatross", "Arrow",    "Baroness", "Beacon",   "Comet",   "Cormorant", "Crusader", "Curlew",
    "Dolphin",   "Duchess",  "Emperor",  "Falcon",   "Fortune", "Gannet",    "Harvest",  "Heron",
    "Hope",      "Huntress", "Lark",     "Minstrel", "Mermaid", "Orion",     "Osprey",   "Pelican",
    "Petrel",    "Pilgrim",  "Rover",    "Seal",     "Swallow", "Venture",   "Voyager",  "Zephyr",
};
static const char *const trade[] = {
    "baker",   "bookbinder", "brewer",   "carpenter", "chandler", "chemist", "clerk",    "cobbler", "cooper",
    "cutler",  "draper",     "engraver", "farrier",   "gardener", "glazier", "grocer",   "hatter",  "joiner",
    "mason",   "miller",     "nurse",    "optician",  "pilot",    "plumber", "porter",   "potter",  "printer",
    "saddler", "sailmaker",  "surveyor", "tailor",    "tanner",   "teacher", "thatcher", "typist",  "weaver",
};
static const char *const goods[] = {
    "alum",    "amber",  "barley", "borax",   "brass",   "candles", "cedar",   "chalk",    "cloves",
    "cobalt",  "cocoa",  "copper", "cork",    "cotton",  "flax",    "ginger",  "glue",     "hemp",
    "hops",    "indigo", "jute",   "lead",    "linen",   "madder",  "mica",    "molasses", "nutmeg",
    "oats",    "pepper", "pitch",  "quinine", "resin",   "rye",     "saffron", "shellac",  "soap",
    "sulphur", "tallow", "teak",   "tin",     "varnish", "walnuts", "wax",     "wool",     "zinc",
};
static const char *const month[] = {"January", "February", "March",     "April",   "May",      "June",
                                    "July",    "August",   "September", "October", "November", "December"};
static const char *const unit[] = {"pounds", "ounces", "tons", "bushels", "gallons", "yards"};

#define COUNT(table) ((int64_t)(sizeof(table) / sizeof(table)[0]))

/* A text being written and the random numbers that write it. */
typedef struct {
    char *text;
    int64_t bytes, capacity, words;
    uint64_t key, drawn;
    int failed;
} writer_t;

static int64_t draw(writer_t *w, int64_t bound) {
    return rng_below(w->key, RNG_INJECT, w->drawn++, bound);
}

static const char *pick(writer_t *w, const char *const *table, int64_t n) {
    return table[draw(w, n)];
}

static void put(writer_t *w, const char *text) {
    int64_t n = (int64_t)strlen(text);
    if (w->failed || mem_grow(&w->text, &w->capacity, w->bytes + n + 1, 1, "planted sequence") != 0) {
        w->failed = 1;
        return;
    }
    memcpy(w->text + w->bytes, text, (size_t)n + 1);
    w->bytes += n;
}

static void put_char(writer_t *w, char c) {
    put(w, (char[]){c, '\0'});
}

static void put_number(writer_t *w, int64_t value, int digits) {
    char text[32];
    snprintf(text, sizeof text, "%0*lld", digits, (long long)value);
    put(w, text);
}

static void put_digits(writer_t *w, int n) {
    for (int i = 0; i < n; i++) put_char(w, (char)('0' + draw(w, 10)));
}

static void put_letters(writer_t *w, int n) {
    for (int i = 0; i < n; i++) put_char(w, (char)('A' + draw(w, 26)));
}

/* --- the gaps ---------------------------------------------------------------------------------------------------- */

static void put_person(writer_t *w) {
    put(w, pick(w, given, COUNT(given)));
    put(w, " ");
    if (draw(w, 3) == 0) {
        put_letters(w, 1);
        put(w, ". ");
    }
    put(w, pick(w, surname, COUNT(surname)));
}

static void put_town(writer_t *w) {
    put(w, pick(w, town_head, COUNT(town_head)));
    put(w, pick(w, town_tail, COUNT(town_tail)));
}

static void put_street(writer_t *w) {
    put_number(w, 1 + draw(w, 998), 1);
    put(w, " ");
    put(w, pick(w, street_head, COUNT(street_head)));
    put(w, " ");
    put(w, pick(w, street_tail, COUNT(street_tail)));
}

static void put_money(writer_t *w) {
    put(w, "$");
    if (draw(w, 2)) {
        put_number(w, 1 + draw(w, 99), 1);
        put(w, ",");
        put_digits(w, 3);
    } else {
        put_number(w, 10 + draw(w, 990), 1);
    }
    put(w, ".");
    put_digits(w, 2);
}

static void put_date(writer_t *w) {
    put_number(w, 1 + draw(w, 28), 1);
    put(w, " ");
    put(w, pick(w, month, COUNT(month)));
    put(w, " ");
    put_number(w, 1700 + draw(w, 300), 1);
}

static void put_time(writer_t *w) {
    put_number(w, draw(w, 24), 1);
    put(w, ":");
    put_number(w, draw(w, 60), 2);
}

static void put_ship(writer_t *w) {
    put(w, pick(w, ship_head, COUNT(ship_head)));
    put(w, " ");
    put(w, pick(w, ship_tail, COUNT(ship_tail)));
}

static void put_code(writer_t *w) {
    switch (draw(w, 3)) {
    case 0:
        put_letters(w, 2);
        put(w, "-");
        put_digits(w, 4);
        break;
    case 1:
        put_digits(w, 3);
        put(w, "/");
        put_letters(w, 2);
        put_digits(w, 2);
        break;
    default:
        put_letters(w, 3);
        put_digits(w, 3);
        put_letters(w, 1);
    }
}

static void put_telephone(writer_t *w) {
    put_number(w, 200 + draw(w, 800), 1);
    put(w, "-");
    put_digits(w, 3);
    put(w, "-");
    put_digits(w, 4);
}

static void put_count(writer_t *w) {
    put_number(w, 2 + draw(w, 9998), 1);
}

static void put_age(writer_t *w) {
    put_number(w, 18 + draw(w, 80), 1);
}

static void put_measure(writer_t *w) {
    put_number(w, 2 + draw(w, 998), 1);
    put(w, ".");
    put_digits(w, 1);
    put(w, " ");
    put(w, pick(w, unit, COUNT(unit)));
}

static void put_trade(writer_t *w) {
    put(w, pick(w, trade, COUNT(trade)));
}

static void put_goods(writer_t *w) {
    put(w, pick(w, goods, COUNT(goods)));
}

static const struct {
    char letter;
    void (*put)(writer_t *w);
} gap[] = {
    {'n', put_person}, {'t', put_town},    {'r', put_street}, {'m', put_money},     {'d', put_date},
    {'h', put_time},   {'v', put_ship},    {'c', put_code},   {'p', put_telephone}, {'i', put_count},
    {'a', put_age},    {'w', put_measure}, {'o', put_trade},  {'g', put_goods},
};

static void put_gap(writer_t *w, char letter) {
    for (int64_t i = 0; i < COUNT(gap); i++) {
        if (gap[i].letter == letter) {
            gap[i].put(w);
            return;
        }
    }
    assert(0 && "a template names a gap that is not in the table");
}

static void put_sentence(writer_t *w, const char *words) {
    int64_t start = w->bytes;
    for (const char *c = words; *c != '\0'; c++) {
        if (*c == '@')
            put_gap(w, *++c);
        else
            put_char(w, *c);
    }
    w->words++;
    for (int64_t i = start; i < w->bytes; i++) w->words += w->text[i] == ' ';
}

/* The random numbers of one sequence have a key of their own, so their number has no limit. */
static uint64_t sequence_key(const inject_t *inject, int32_t level, int64_t number, int control) {
    uint64_t place = (uint64_t)level << 41 | (uint64_t)(control != 0) << 40 | (uint64_t)number;
    return rng_u64(inject->seed, RNG_INJECT, place);
}

int inject_text(const inject_t *inject, int32_t level, int64_t number, int control, char **text) {
    if (level < 0 || level >= inject->levels || number < 0 || number >= inject->per_level ||
        inject->per_level > (INT64_C(1) << 40) || inject->levels > (1 << 22)) {
        return err_set("there is no planted sequence %lld of level %d: [inject] asks for %d levels of %lld",
                       (long long)number, level, inject->levels, (long long)inject->per_level);
    }
    writer_t w = {.key = sequence_key(inject, level, number, control)};
    int64_t last = -1;
    while (!w.failed && (w.words < inject->words || w.words == 0)) {
        // Never the same template twice in a row: the draw is over the others.
        int64_t next = last < 0 ? draw(&w, COUNT(template_text)) : draw(&w, COUNT(template_text) - 1);
        if (last >= 0 && next >= last) next++;
        if (last >= 0) put(&w, " ");
        put_sentence(&w, template_text[next]);
        last = next;
    }
    if (w.failed) {
        mem_free(w.text);
        return -1;
    }
    *text = w.text;
    return 0;
}
