#!/bin/sh
# A load test, or any work that ends, as an array of Slurm: each task runs the script with its share of the work.
#
#     sbatch scripts/deploy/slurm.sh wss://example.org/feed 10s:50,60s:50,5s:0
#
# wsbot takes its share from SLURM_ARRAY_TASK_ID, _MIN and _COUNT, so the array may begin at any number but must have no
# gaps. Change: the array, the times, the script and its arguments. `wsbot` must be on the PATH of the nodes: unpack the
# tarball to a folder that they all see.
#SBATCH --job-name=loadtest
#SBATCH --array=1-8
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=00:10:00
#SBATCH --output=loadtest-%A-%a.log
# A minute before its time is over the bot is asked to end: it says goodbye, and prints its summary.
#SBATCH --signal=B:TERM@60

# In place of this shell, so that the signal is the bot's.
exec wsbot run --summary --name "loadtest-$SLURM_ARRAY_TASK_ID" scripts/loadtest.lua "$@"
