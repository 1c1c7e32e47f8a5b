//! Package managers of devices.
