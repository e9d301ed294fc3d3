# Extraction rate against model size: one curve a class of duplicates.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0; top = ARG5 * 100.0; widest = ARG6 + 0; confidence = ARG7
log_x = 1
load folder."/curves.gp"
set xlabel "parameters without embeddings"
tic_text(x) = gprintf(x < 9.5 * 1000 ** floor(log10(x) / 3) ? "%.1s%c" : "%.0s%c", x)
load folder."/tics.gp"
set logscale x
load folder."/draw.gp"
