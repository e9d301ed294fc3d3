# Extraction rate against duplicates in the training data: one curve a model.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0; top = ARG5 * 100.0; widest = ARG6 + 0; confidence = ARG7
log_x = 1
load folder."/curves.gp"
set xlabel "copies in the training data"
set logscale x (x_max > 2000 ? 10 : 2)
set format x "%.0f"
load folder."/draw.gp"
