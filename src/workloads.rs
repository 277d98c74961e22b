//! The bundled applications. They know nothing of the mesh.
