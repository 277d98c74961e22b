//! A lab as data: model, loader, validation with positions, parameters. Knows no clusters and no sockets.
