//! The node and the controllers of the embedded cluster, through a `kube::Client` and real sockets.

mod cluster;
mod controllers;
mod health;
mod pods;
mod probes;
mod programs;
mod traffic;
