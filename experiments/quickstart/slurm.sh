#!/bin/bash
#SBATCH --job-name=memprobe
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=64
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
# A batch job that survives its time limit: five minutes before it, memprobe saves its state and exits with 75; the job
# then puts itself back into the queue and goes on from there. Start it from the top of the tree: sbatch experiments/quickstart/slurm.sh
export OPENBLAS_NUM_THREADS=1
mpirun --bind-to core build/out/memprobe "${CONFIG:-experiments/quickstart/config.ini}" &
job=$!
trap 'kill -USR1 $job' USR1 # mpirun passes it on to every rank
status=0
wait $job || status=$?
if kill -0 $job 2>/dev/null; then wait $job; status=$?; fi # the first wait ended with the signal
if [ $status = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $status
