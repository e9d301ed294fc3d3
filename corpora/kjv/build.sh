#!/bin/sh
# Builds the King James Bible as a corpus: one document a chapter, JSON lines packed with zstd, from the text in Debian's
# package bible-kjv.
#
#     corpora/kjv/build.sh [--any-version] [FOLDER]      (see corpora/lib.sh)
#
# It leaves kjv-ot.jsonl.zst, kjv-nt.jsonl.zst and kjv.manifest.json there, and kjv.done last: make takes that for the
# sign that all is well. Needs bible (packages bible-kjv, bible-kjv-text), zstd, awk and sha256sum; a second or two.
set -eu
# shellcheck source=corpora/lib.sh
. "$(dirname "$0")/../lib.sh"
corpus_start "$0" "$@"
corpus_need "bible zstd awk sha256sum" "bible-kjv zstd mawk coreutils"
books=66 chapters=1189 verses=31102

# One verse a line: "Ge1:1 In the beginning ...". -p: or a file bible.data in the present folder would be read instead.
(unset COLUMNS && bible -f -p /usr/lib gen1:1-rev22:21) >"$work/verses" || fail "the command bible failed"

# Chapters as JSON lines. The text is plain ASCII without quotes or backslashes (checked), so nothing needs an escape but
# the line ends between verses.
awk -v work="$work" '
BEGIN {
    n = split("Ge Genesis,Exo Exodus,Lev Leviticus,Num Numbers,Deu Deuteronomy,Josh Joshua,Jdgs Judges,Ruth Ruth," \
        "1Sm 1 Samuel,2Sm 2 Samuel,1Ki 1 Kings,2Ki 2 Kings,1Chr 1 Chronicles,2Chr 2 Chronicles,Ezra Ezra," \
        "Neh Nehemiah,Est Esther,Job Job,Psa Psalms,Prv Proverbs,Eccl Ecclesiastes,SSol Song of Solomon,Isa Isaiah," \
        "Jer Jeremiah,Lam Lamentations,Eze Ezekiel,Dan Daniel,Hos Hosea,Joel Joel,Amos Amos,Obad Obadiah,Jonah Jonah," \
        "Mic Micah,Nahum Nahum,Hab Habakkuk,Zep Zephaniah,Hag Haggai,Zec Zechariah,Mal Malachi,Mat Matthew,Mark Mark," \
        "Luke Luke,John John,Acts Acts,Rom Romans,1Cor 1 Corinthians,2Cor 2 Corinthians,Gal Galatians,Eph Ephesians," \
        "Phi Philippians,Col Colossians,1Th 1 Thessalonians,2Th 2 Thessalonians,1Tim 1 Timothy,2Tim 2 Timothy," \
        "Titus Titus,Phmn Philemon,Heb Hebrews,Jas James,1Pet 1 Peter,2Pet 2 Peter,1Jn 1 John,2Jn 2 John,3Jn 3 John," \
        "Jude Jude,Rev Revelation", entry, ",")
    for (i = 1; i <= n; i++) {
        space = index(entry[i], " ")
        name[i] = substr(entry[i], space + 1)
        number[substr(entry[i], 1, space - 1)] = i
    }
    book = chapter = 0
}
function stop(why) { print "line " NR ": " why ": " substr($0, 1, 60) >"/dev/stderr"; failed = 1; exit 1 }
function end_chapter() { if (chapter > 0) print "\"}" >file }
{
    if (!match($0, /^[0-9]?[A-Za-z]+[0-9]+:[0-9]+ ./)) stop("not a verse")
    if ($0 ~ /["\\]/ || $0 ~ /[^ -~]/) stop("a character that was not in this text before")
    reference = $1
    text = substr($0, length(reference) + 2)
    match(reference, /[0-9]+:[0-9]+$/)
    short = substr(reference, 1, RSTART - 1)
    split(substr(reference, RSTART), at, ":")
    if (!(short in number)) stop("an unknown book")

    # Books, chapters and verses must come one after the other.
    if (number[short] == book + 1 && at[1] == 1 && at[2] == 1) { end_chapter(); book++; chapter = verse = 1; fresh = 1 }
    else if (number[short] == book && at[1] == chapter + 1 && at[2] == 1) { end_chapter(); chapter++; verse = 1; fresh = 1 }
    else if (number[short] == book && at[1] == chapter && at[2] == verse + 1) { verse++; fresh = 0 }
    else stop("out of order")

    part = book <= 39 ? "ot" : "nt"
    file = work "/kjv-" part ".jsonl"
    if (fresh) {
        documents[part]++
        printf "{\"id\":\"%s %d\",\"source\":\"kjv\",\"text\":\"%s", name[book], chapter, text >file
    } else printf "\\n%s", text >file
    verses[part]++
}
END {
    if (failed) exit 1
    end_chapter()
    print book, documents["ot"], verses["ot"], documents["nt"], verses["nt"] >(work "/counts")
}' "$work/verses" || fail "the output of the command bible is not what it was (see the line above)"

read -r got_books ot_documents ot_verses nt_documents nt_verses <"$work/counts"
[ "$got_books $((ot_documents + nt_documents)) $((ot_verses + nt_verses))" = "$books $chapters $verses" ] ||
    fail "$got_books books, $((ot_documents + nt_documents)) chapters, $((ot_verses + nt_verses)) verses," \
        "where $books, $chapters and $verses belong: the text of the package is not whole"

echo "bible-kjv-text $(dpkg-query -W -f '${Version}' bible-kjv-text 2>/dev/null || echo unknown)" >"$work/taken"
corpus_check kjv-ot verses="$ot_verses"
corpus_check kjv-nt verses="$nt_verses"
corpus_finish "The Bible, King James Version"
