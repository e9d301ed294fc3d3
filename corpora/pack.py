"""Writes files as JSON lines, a document a file: the last step of a recipe.

Standard input names the documents, SOURCE<tab>ID<tab>PATH a line; standard output receives {"id", "source", "text"}
lines in the order of the ids' bytes. Files without any text are left out. A file that is not UTF-8 is read as Latin-1,
which every sequence of bytes is; nothing else is changed in a text. With --overstruck, bold and underlined characters, a
character and a backspace before the character proper as formatters write them for terminals, become plain.

It runs with Debian's python3-minimal, which has no module json: hence the escapes here.
"""

import re
import sys

ESCAPES = {code: "\\u%04x" % code for code in range(32)}
ESCAPES.update({ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"})


def quote(text):
    return '"' + text.translate(ESCAPES) + '"'


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main():
    overstruck = sys.argv[1:] == ["--overstruck"]
    documents = {}
    for line in sys.stdin.buffer:
        source, name, path = line.decode("utf-8").rstrip("\n").split("\t")
        if name in documents:
            sys.exit("corpora/pack.py: two documents are called " + name)
        documents[name] = source, path
    for name in sorted(documents, key=str.encode):
        source, path = documents[name]
        text = read(path)
        if overstruck:
            text = re.sub(".\x08", "", text)
        if text.strip():
            line = '{"id":%s,"source":%s,"text":%s}\n' % (quote(name), quote(source), quote(text))
            sys.stdout.buffer.write(line.encode("utf-8"))


if __name__ == "__main__":
    main()
