# A tic at each x of the data, with the text tic_text(x). One that would run into its left neighbour is left out.
set xtics () nomirror
position(x) = log_x ? log(x / x_min) / log(x_max / x_min) : (x - x_min) / (x_max - x_min)
right = -1.0
do for [rank=1:int(x_records)] {
    # The smallest x not yet passed: the data are sorted within a curve only.
    stats data using (position(column("x")) > right + 1e-9 ? column("x") : NaN) name "next" nooutput
    if (exists("next_min") && next_records > 0) {
        if (right < 0 || position(next_min) - last > 0.09) {
            set xtics add (tic_text(next_min) next_min)
            last = position(next_min)
        }
        right = position(next_min)
    }
    if (right > 1 - 1e-9) { break }
}
