# Extraction rate against the weight of the external memory: one curve a model and memory.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0; top = ARG5 * 100.0; widest = ARG6 + 0; confidence = ARG7
log_x = 0
load folder."/curves.gp"
set ylabel "extracted (%, 2 or more copies)"
set xlabel "weight of the memory, {/:Italic λ}"
tic_text(x) = sprintf("%g", x)
load folder."/tics.gp"
load folder."/draw.gp"
