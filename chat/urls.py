from django.urls import path

from chat import http_socket, views
from chat.api.reference.page import reference

urlpatterns = [
    path("", views.home, name="home"),
    path("guide/", views.guide, name="guide"),
    path("chat/", views.chat, name="chat"),
    path("chat/<str:thread_id>/", views.chat, name="thread"),
    path("api/socket/", http_socket.open_socket, name="open_socket"),
    path("api/socket/<str:connection_id>/", http_socket.send_frames, name="send_frames"),
    path("api/docs", reference, name="api_reference"),
    path("share/<str:token>/", views.share, name="share"),
]
