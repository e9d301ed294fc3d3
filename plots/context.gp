# Extraction rate of the largest model against context length: one curve a class of duplicates.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0; top = ARG5 * 100.0; widest = ARG6 + 0; confidence = ARG7
log_x = 1
load folder."/curves.gp"
set xlabel "context (tokens)"
tic_text(x) = sprintf("%.0f", x)
load folder."/tics.gp"
set logscale x
load folder."/draw.gp"
