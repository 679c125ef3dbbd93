//! The table of addresses.

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, get, post, resource, scope};

use crate::error::Failure;
use crate::pages::{
    api_docs, audit, check, delivery, delivery_flexible, delivery_revoked, fetches, home, image,
    image_delete, image_edit, image_focus, image_metadata, image_privacy, images, key_new, key_reveal,
    key_revoke, key_rotate, key_use, keys, login, mount, pictures, scheme, scheme_mode, setup, upload,
    variant, variant_delete, variants, verifying_key_new, verifying_key_retire, verifying_key_revoke,
};
use crate::reply::Outcome;
use crate::welcome::welcome;
use crate::{Dashboard, static_files};

impl Dashboard {
    /// Registers all routes: `/`, `/dashboard/…`, `/api/docs`, `/static/…`, `/favicon.ico`. The server's front has left a
    /// `domain::Visitor` and a `domain::RequestId` in the request's extensions.
    pub fn routes(&self, config: &mut ServiceConfig) {
        let dashboard = self.clone();
        config
            .service(resource("/").route(get().to(home::to_dashboard)))
            .service(resource("/favicon.ico").route(get().to(static_files::favicon)))
            .service(
                resource(["/api/docs", "/api/docs/"])
                    .wrap(from_fn({
                        let dashboard = dashboard.clone();
                        move |request, next| welcome(dashboard.clone(), request, next)
                    }))
                    .route(get().to(api_docs::show)),
            )
            .service(resource("/static/{name:.*}").route(get().to(static_files::serve)))
            .service(
                scope("/dashboard")
                    .wrap(from_fn(move |request, next| welcome(dashboard.clone(), request, next)))
                    .configure(outside)
                    .service(
                        scope("/{account:[0-9a-f]{32}}")
                            .configure(inside)
                            .configure(delivery_and_audit)
                            .default_service(web::to(no_page)),
                    )
                    .default_service(web::to(no_page)),
            );
    }
}

/// Pages outside of an account.
fn outside(config: &mut ServiceConfig) {
    config
        .service(resource(["", "/"]).route(get().to(home::home)))
        .service(resource("/setup").route(get().to(setup::show)).route(post().to(setup::create)))
        .service(resource("/login").route(get().to(login::show)).route(post().to(login::sign_in)))
        .service(resource("/logout").route(post().to(login::sign_out)))
        .service(resource("/theme").route(post().to(home::theme)));
}

/// Pages of an account.
fn inside(config: &mut ServiceConfig) {
    config
        .service(resource(["", "/"]).route(get().to(home::account)))
        .service(resource("/images").route(get().to(images::show)))
        .service(resource("/images/upload").route(get().to(upload::show)).route(post().to(upload::accept)))
        .service(resource("/image").route(get().to(image::show)))
        .service(resource("/image/edit").route(get().to(image_edit::show)).route(post().to(image_edit::save)))
        .service(
            resource("/image/focus").route(get().to(image_focus::show)).route(post().to(image_focus::save)),
        )
        .service(
            resource("/image/metadata")
                .route(get().to(image_metadata::show))
                .route(post().to(image_metadata::save)),
        )
        .service(
            resource("/image/privacy")
                .route(get().to(image_privacy::show))
                .route(post().to(image_privacy::save)),
        )
        .service(
            resource("/image/delete")
                .route(get().to(image_delete::show))
                .route(post().to(image_delete::delete)),
        )
        .service(resource("/tile").route(get().to(pictures::tile)))
        .service(resource("/preview").route(get().to(pictures::preview)))
        .service(resource("/whole").route(get().to(pictures::whole)))
        .service(resource("/original").route(get().to(pictures::original)))
        .service(resource("/variants").route(get().to(variants::show)))
        .service(resource("/variants/new").route(get().to(variant::new)).route(post().to(variant::create)))
        .service(
            resource("/variants/{variant}").route(get().to(variant::show)).route(post().to(variant::save)),
        )
        .service(
            resource("/variants/{variant}/delete")
                .route(get().to(variant_delete::show))
                .route(post().to(variant_delete::delete)),
        )
        .service(resource("/keys").route(get().to(keys::show)))
        .service(resource("/keys/new").route(get().to(key_new::show)).route(post().to(key_new::create)))
        .service(
            resource("/keys/{key}/reveal")
                .route(get().to(key_reveal::ask))
                .route(post().to(key_reveal::reveal)),
        )
        .service(
            resource("/keys/{key}/rotate")
                .route(get().to(key_rotate::show))
                .route(post().to(key_rotate::rotate)),
        )
        .service(resource("/keys/{key}/use").route(get().to(key_use::show)).route(post().to(key_use::choose)))
        .service(
            resource("/keys/{key}/revoke")
                .route(get().to(key_revoke::show))
                .route(post().to(key_revoke::revoke)),
        )
        .service(resource("/check").route(get().to(check::show)).route(post().to(check::check)));
}

/// Pages of an account about what it delivers to whom, and about who did what.
fn delivery_and_audit(config: &mut ServiceConfig) {
    config
        .service(resource("/delivery").route(get().to(delivery::show)).route(post().to(delivery::save)))
        .service(resource("/delivery/flexible").route(post().to(delivery_flexible::change)))
        .service(resource("/delivery/revoked").route(post().to(delivery_revoked::save)))
        .service(
            resource("/delivery/schemes/{scheme}")
                .route(get().to(scheme::show))
                .route(post().to(scheme::save)),
        )
        .service(resource("/delivery/schemes/{scheme}/mode").route(post().to(scheme_mode::change)))
        .service(
            resource("/delivery/schemes/{scheme}/keys/new")
                .route(get().to(verifying_key_new::show))
                .route(post().to(verifying_key_new::add)),
        )
        .service(
            resource("/delivery/keys/{key}/retire")
                .route(get().to(verifying_key_retire::show))
                .route(post().to(verifying_key_retire::retire)),
        )
        .service(
            resource("/delivery/keys/{key}/revoke")
                .route(get().to(verifying_key_revoke::show))
                .route(post().to(verifying_key_revoke::revoke)),
        )
        .service(
            resource("/delivery/mounts/{mount}").route(get().to(mount::show)).route(post().to(mount::change)),
        )
        .service(resource("/audit").route(get().to(audit::show)))
        .service(resource("/audit.csv").route(get().to(audit::export)))
        .service(resource("/audit/fetches").route(get().to(fetches::show)))
        .service(resource("/audit/fetches.csv").route(get().to(fetches::export)));
}

async fn no_page() -> Outcome {
    Err(Failure::no_page())
}
