# How much of the corpus lies in windows that occur so often or more: one curve a window length.
folder = ARG1; data = ARG2; base = ARG3; curves = ARG4 + 0
load folder."/census_look.gp"
set xlabel "copies in the corpus, at least"
set ylabel "share of the corpus (% of tokens)"
set format x "%.0f"
stats data using "at_least" name "x" nooutput
set logscale x (x_max > 2000 ? 10 : 2)
# From two copies on: the share of what occurs once or more says how many documents are longer than a window.
repeated(name, i) = column("at_least") >= 2 ? own(name, i) : NaN
set xrange [1.8:(x_max > 4 ? x_max : 4) * 1.3]
set yrange [0:*]
do for [terminal in "svg pdf png"] {
    if (terminal eq "svg") { set terminal @svg }
    if (terminal eq "pdf") { set terminal @pdf }
    if (terminal eq "png") { set terminal @png }
    set output base.".".terminal
    plot for [i=0:curves-1] data using (repeated("at_least", i)):(100 * repeated("share", i)) with linespoints pt 7 ps 0.4 \
        lw 1.5 lc palette frac shade(i) title word(names, i + 1)
    unset output
}
