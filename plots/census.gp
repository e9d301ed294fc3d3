# How many distinct windows occur how often in the corpus, per number of copies: one curve a window length.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0
load folder."/census_look.gp"
set logscale y
set ylabel "windows per count"
set format x "%.0f"
set format y "10^{%L}"
stats data using "x" name "x" nooutput
set logscale x (x_max > 2000 ? 10 : 2)
set xrange [0.9:x_max * 1.3]
do for [terminal in "svg pdf png"] {
    if (terminal eq "svg") { set terminal @svg }
    if (terminal eq "pdf") { set terminal @pdf }
    if (terminal eq "png") { set terminal @png }
    set output base.".".terminal
    plot for [i=0:curves-1] data using (own("x", i)):(own("y", i)) with linespoints pt 7 ps 0.4 lw 1.5 \
        lc palette frac shade(i) title word(names, i + 1)
    unset output
}
