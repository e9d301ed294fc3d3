# The look of all figures. The caller has set: folder (this one), data (a CSV), base (output path without ending), curves
# (their number), top (upper end of the y axis, percent), widest (characters of the longest label), confidence (of the
# intervals, percent). It then sets its x axis, tic_text(x) if the tics shall stand at the points, and loads draw.gp.
set encoding utf8
set datafile separator ","
set datafile columnheaders
# Okabe and Ito's palette without its yellow: told apart by colour-blind readers, and in grey by the point shapes.
set linetype 1 lc rgb "#0072B2" lw 2 pt 7 ps 0.7
set linetype 2 lc rgb "#D55E00" lw 2 pt 5 ps 0.7
set linetype 3 lc rgb "#009E73" lw 2 pt 9 ps 0.9
set linetype 4 lc rgb "#CC79A7" lw 2 pt 13 ps 0.9
set linetype 5 lc rgb "#E69F00" lw 2 pt 11 ps 0.9
set linetype 6 lc rgb "#56B4E9" lw 2 pt 6 ps 0.7
set linetype 7 lc rgb "#000000" lw 2 pt 4 ps 0.7
set linetype cycle 7

set border 3 lc rgb "#444444" lw 1
set tics nomirror out scale 0.6 textcolor rgb "#222222"
set grid ytics lc rgb "#E4E4E4" lw 1 lt 1
set key off
set xlabel textcolor rgb "#222222"
set ylabel "extracted (% of probes)" textcolor rgb "#222222"
set rmargin 0.95 * widest + 3
set tmargin 2

stats data using "x" name "x" nooutput
tic_text(x) = ""

# Points of curve i only; 100 x for percent.
own(i) = column("curve") == i ? column("x") : NaN
percent(name) = (text = stringcolumn(name), strlen(text) > 0 ? 100 * (text + 0.0) : NaN)

svg = "svg size 560,380 dynamic enhanced font 'Helvetica,14' background '#FFFFFF'"
pdf = "pdfcairo size 4.67in,3.17in enhanced font 'Helvetica,12' linewidth 1"
png = "pngcairo size 1120,760 enhanced font 'Helvetica,14' fontscale 1.9 linewidth 2 pointscale 2"
